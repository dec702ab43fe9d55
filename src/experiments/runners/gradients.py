"""The runner that measures gradients through time."""

import dataclasses
import logging
from collections.abc import Iterator, Sequence
from typing import Literal

from ..checkpoints.initial_weights import find_weights
from ..config.checks import at_least
from ..config.figure import save_figure
from ..experiment import Experiment
from ..interfaces.data import Dataset, Window
from ..interfaces.model import Model
from ..recording import open_run
from ..tracking.run import Run
from ..training.text_statistics import recorded
from ..understanding import gradient_figures as figures
from ..understanding import gradient_study as tables
from ..understanding.gradient_study import START, TRAINED, Measurement, Study
from ..understanding.lag_norms import check_has_gradients
from ..understanding.tables import as_csv
from .requirements import windows_of

log = logging.getLogger("experiments")


class Gradients:
    """Measure how gradients shrink or grow with the lag, and what truncations keep of them, with tables and figures.

    Without `checkpoint=` the network is the one that training would begin with.
    """

    def __init__(
        self,
        *,
        split: Literal["train", "valid", "test"],
        lags: int,
        passages: int,
        steps: int,
        truncations: list[int],
        initial: bool,
        others: list[str],
    ):
        at_least(2, lags=lags)
        at_least(1, passages=passages, steps=steps)
        if not truncations or min(truncations) < 1:
            raise ValueError(
                f"truncations must be numbers of at least 1, got {truncations}: give runner.truncations=[5,35]"
            )
        self.split, self.lags, self.passages, self.steps = split, lags, passages, steps
        self.truncations, self.initial, self.others = sorted(set(truncations)), initial, others

    def run(self, experiment: Experiment) -> None:
        others = [experiment.with_weights(find_weights(name, experiment.store)) for name in self.others]
        networks = named([experiment, *others])
        dataset = experiment.build_dataset()
        windows = windows_of(dataset, self.split, experiment.settings.batch_size, 2 * self.lags)
        for each, name in networks:
            check_has_gradients(each.build_model(dataset), name)
        weights = experiment.initial_weights
        tags = {"runner": "gradients"} | ({} if weights is None else {"evaluated": weights.run_id})
        with open_run(experiment, dataset.fingerprint, None, recorded(dataset), **tags) as (run, stop):
            measurement = Measurement(
                windows,
                experiment.device,
                self.passages,
                self.steps,
                *self._reach(windows, dataset),
                stop.check,
            )
            studies = [
                measurement.of(model, name, which)
                for each, name in networks
                for model, which in self._models(each, dataset)
            ]
            step = 0 if weights is None else weights.content["best"]["targets"]
            run.log_metrics(tables.half_lives(studies), step)
            self._store(run, studies, f"{experiment.choices['data']}, {self.split}")
        print(self._texts(studies))
        print("\n".join(str(run.folder / name) for name in ("gradient_norms.png", "truncations.png")))

    def _reach(self, windows: Sequence[Window], dataset: Dataset) -> tuple[int, list[int]]:
        """The longest lag and the truncations that fit into the windows."""
        longest = max(len(windows[k].inputs) for k in range(min(len(windows), self.passages + 1)))
        lags = min(self.lags, longest if dataset.labelled else max(1, longest // 2))
        return lags, [T for T in self.truncations if lags >= T] or [lags]

    def _models(self, experiment: Experiment, dataset: Dataset) -> Iterator[tuple[Model, str]]:
        """The network before and after training, as far as it is asked for."""
        weights = experiment.initial_weights
        if weights is None or self.initial:
            yield at_the_start(experiment).build_model(dataset), START
        if weights is not None:
            yield experiment.build_model(dataset), TRAINED

    def _texts(self, studies: Sequence[Study]) -> str:
        notes = (
            "norm of d loss(t) / d state(t-k) by lag k, relative to lag 1; half-life in steps after lag 1",
            "gradient of the parameters with truncation T beside that through whole passages; cost of T",
        )
        parts = zip(notes, (tables.norm_table(studies), tables.truncation_table(studies)))
        return "\n\n".join(f"{note}\n{text}" for note, text in parts) + "\n"

    def _store(self, run: Run, studies: Sequence[Study], title: str) -> None:
        """Write tables and figures into the run's folder as artifacts."""
        run.log_text("gradients.txt", self._texts(studies))
        run.log_text("gradient_norms.csv", as_csv(tables.norm_rows(studies)))
        run.log_text("truncations.csv", as_csv(tables.truncation_rows(studies)))
        drawn = {
            "gradient_norms.png": figures.draw_lag_norms(studies, title),
            "truncations.png": figures.draw_truncations(studies, title),
        }
        for name, figure in drawn.items():
            save_figure(figure, run.folder / name)
            run.log_file(run.folder / name)


def at_the_start(experiment: Experiment) -> Experiment:
    """The experiment as its training began: without weights, and with the seed of the checkpoint's run."""
    weights = experiment.initial_weights
    if weights is None:
        return experiment
    settings = dataclasses.replace(experiment.settings, seed=weights.content["config"]["seed"])
    return dataclasses.replace(experiment, initial_weights=None, settings=settings)


def named(experiments: Sequence[Experiment]) -> list[tuple[Experiment, str]]:
    """Each with the name of its model, numbered from the second of a name on."""
    names: list[str] = []
    for experiment in experiments:
        name = cell_name(experiment)
        number = sum(other.split(" #")[0] == name for other in names) + 1
        names.append(name if number == 1 else f"{name} #{number}")
    return [*zip(experiments, names)]


def cell_name(experiment: Experiment) -> str:
    """The choice of a model, with its cell where that is another than the choice's name says."""
    choice, cell = experiment.choices["model"], experiment.model.options.get("cell")
    return f"{choice} {cell}" if choice.endswith("_rnn") and cell != "tanh" else choice
