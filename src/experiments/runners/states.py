"""The runner that looks into the states and gates of a network."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from ..config.checks import above, at_least
from ..config.errors import ConfigError
from ..config.figure import names_in_any_script, save_figure
from ..experiment import Experiment
from ..interfaces.data import IGNORE, Dataset, Window
from ..interfaces.vocabulary import shown
from ..recording import open_run
from ..scoring.whole_text import read_text
from ..tracking.run import Run
from ..training.text_statistics import recorded
from ..understanding import state_figures as figures
from ..understanding.following import following_metrics, following_rows, following_table, strongest
from ..understanding.numpy_layers import in_numpy, warn_if_different
from ..understanding.saturation import saturation_metrics, saturation_rows, saturation_table
from ..understanding.state_study import Recording, record, value_rows, varying_units, windows_read
from ..understanding.tables import Row, as_csv
from ..understanding.text_properties import properties_of
from .requirements import windows_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..models.numpy.network import NumpyNetwork

CHUNK = 500  # steps that are read at once


class States:
    """Draw gates, memory cells and hidden outputs over a text, and measure how often gates are saturated.

    Without `checkpoint=` the network is the one that training would begin with.
    """

    def __init__(
        self,
        *,
        text: str | None,
        file: str | None,
        split: Literal["train", "valid", "test"],
        skip: int,
        steps: int,
        measured_steps: int,
        units: list[int] | None,
        num_units: int,
        saturated: float,
    ):
        if text is not None and file is not None:
            raise ValueError("give text or file, not both")
        if units == []:
            raise ValueError("units must name at least one unit, as in runner.units=[0,7], or be null")
        at_least(0, skip=skip)
        at_least(1, steps=steps, measured_steps=measured_steps, num_units=num_units)
        above(0.5, saturated=saturated)
        if saturated >= 1.0:
            raise ValueError(f"saturated must be below 1, got {saturated}")
        self.text, self.file, self.split, self.skip, self.steps = text, file, split, skip, steps
        self.measured_steps, self.units, self.num_units, self.saturated = measured_steps, units, num_units, saturated
        self.is_own_text = text is not None or file is not None

    def run(self, experiment: Experiment) -> None:
        weights, name = experiment.initial_weights, experiment.choices["model"]
        dataset = experiment.trained_dataset() if self.is_own_text and weights else experiment.build_dataset()
        model = experiment.build_model(dataset).eval()
        network = in_numpy(model, experiment.model, dataset, name)
        check_units(self.units, min(network.layer_sizes))
        windows = self._windows(experiment, dataset, network)
        fingerprint = dataset.vocabulary.fingerprint if self.is_own_text else dataset.fingerprint
        tags = {"runner": "states"} | ({} if weights is None else {"evaluated": weights.run_id})
        with open_run(experiment, fingerprint, None, recorded(dataset), **tags) as (run, stop):
            recording = record(model, network, experiment.device, windows, stop.check)
            warn_if_different(recording.difference, experiment.device.precision)
            source = self.file or ("runner.text" if self.is_own_text else f"{experiment.choices['data']}, {self.split}")
            report = Report(self, recording, dataset, network, f"{name}, {source}")
            run.log_metrics(report.metrics(), 0 if weights is None else weights.content["best"]["targets"])
            pictures = report.store(run)
        print(report.text())
        print("\n".join(str(run.folder / picture) for picture in pictures))

    def _windows(self, experiment: Experiment, dataset: Dataset, network: "NumpyNetwork") -> Iterable[Window]:
        """The windows of one column that are read. ConfigError if there is nothing to draw."""
        is_whole = dataset.labelled or network.needs_whole_sequences
        if self.is_own_text:
            ids = read_text(dataset, self.text, self.file, experiment.data.options)
            windows: Sequence[Window] = text_windows(ids, len(ids) if is_whole else CHUNK)
        else:
            windows = windows_of(dataset, self.split, 1, None if is_whole else CHUNK)
        if dataset.labelled:
            there, kind = len(windows), "sequences"
        else:
            there, kind = CHUNK * (len(windows) - 1) + len(windows[len(windows) - 1].inputs), "steps"
        if self.skip >= there:
            raise ConfigError(f"runner.skip={self.skip} leaves nothing to draw: there are {there:,} {kind}")
        if self.is_own_text:
            return windows
        steps = self.measured_steps if dataset.labelled else max(self.measured_steps, self.skip + self.steps)
        return windows_read(windows, steps, self.skip + 1 if dataset.labelled else 1)


class Report:
    """What is printed, recorded and drawn of a recording."""

    def __init__(self, options: States, recording: Recording, dataset: Dataset, network: "NumpyNetwork", title: str):
        self.options, self.recording, self.title = options, recording, title
        self.is_rectified = network.cell == "relu"
        vocabulary, inputs = dataset.vocabulary.symbols, recording.inputs
        has_symbols = inputs.ndim == 1 and len(vocabulary) > 0
        self.raw = [vocabulary[k] for k in inputs.tolist()] if has_symbols else [str(k) for k in range(len(inputs))]
        self.symbols = [shown(symbol, symbol) for symbol in self.raw]
        self.steps = drawn_steps(recording, options.skip, options.steps, dataset.labelled)
        layers, units = recording.layers, options.units
        self.units = varying_units(layers, options.num_units) if units is None else [units] * len(layers)
        self.saturation: list[Row] = [*saturation_rows(recording, options.saturated, self.is_rectified)]
        self.follows: list[Row] = [*following_rows(recording, self.raw)] if has_symbols else []

    def metrics(self) -> dict[str, float]:
        return {**saturation_metrics(self.saturation), **following_metrics(self.follows)}

    def text(self) -> str:
        """The tables."""
        number, starts = len(self.symbols), len(self.recording.starts)
        gap = f"largest difference to the model's own states and predictions {self.recording.difference:.2g}"
        parts = [f"{self.title}: {number:,} steps read, {starts:,} times from the initial state; {gap}"]
        if self.saturation:
            note = "saturation over all units and steps; mostly: in more than half of the steps"
            parts.append(f"{note}\n{saturation_table(self.saturation, self.options.saturated)}")
        if self.follows:
            note = "units that follow the text, chosen in the first half of the steps (Pearson's r)"
            parts.append(f"{note}\n{following_table(self.follows)}")
        return "\n\n".join(parts) + "\n"

    def store(self, run: Run) -> list[str]:
        """Write tables and figures into the run's folder as artifacts; the names of the figures."""
        run.log_text("states.txt", self.text())
        rows = value_rows(self.recording, self.symbols, self.steps, self.units)
        tables = {"states.csv": [*rows], "saturation.csv": self.saturation, "following.csv": self.follows}
        for name, found in tables.items():
            if found:
                run.log_text(name, as_csv(found))
        pictures = []
        with names_in_any_script():
            for name, figure in self._figures():
                save_figure(figure, run.folder / name)
                run.log_file(run.folder / name)
                pictures.append(name)
        return pictures

    def _figures(self) -> "Iterator[tuple[str, Figure]]":
        for each, units in zip(self.recording.layers, self.units):
            name = f"states_{each.name.replace(' ', '_')}.png"
            yield name, figures.draw_states(each, self.symbols, self.steps, units, self.title)
        if self.follows:
            found, properties = strongest(self.follows), properties_of(self.raw)
            yield "following.png", figures.draw_following(self.recording, found, properties, self.symbols, self.steps)
        if self.saturation:
            limit = self.options.saturated
            yield "saturation.png", figures.draw_saturation(self.saturation, limit, self.title)
            yield "histograms.png", figures.draw_histograms(self.recording, limit, self.is_rectified, self.title)


def check_units(units: Sequence[int] | None, hidden_size: int) -> None:
    """ConfigError for a unit that is not there."""
    for unit in units or ():
        if not 0 <= unit < hidden_size:
            raise ConfigError(f"runner.units: there is no unit {unit}; each layer has units 0 to {hidden_size - 1}")


def text_windows(ids: np.ndarray, steps: int) -> list[Window]:
    """ids (n,) -> one column in windows of so many steps, without targets."""
    parts = np.split(ids, range(steps, len(ids), steps))
    return [Window(part[:, None], np.full((len(part), 1), IGNORE), k == 0, 0) for k, part in enumerate(parts)]


def drawn_steps(recording: Recording, skip: int, steps: int, is_labelled: bool) -> slice:
    """The steps that are drawn: of a text `steps` after those skipped, of sequences the last of one of them."""
    if not is_labelled:
        return slice(skip, min(skip + steps, len(recording.inputs)))
    begin, end = [*itertools.pairwise([*recording.starts, len(recording.inputs)])][skip]
    return slice(max(begin, end - steps), end)
