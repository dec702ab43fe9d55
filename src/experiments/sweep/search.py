"""A search: Optuna draws which point comes next. (A grid has all its points at once, see grid.py.)"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.engine import URL

from ..tracking.record import RunRecord
from .dimensions import Dimension
from .options import Options
from .plan import Job, Planner
from .study import distribution, make_sampler, storage


class Search:
    """Trials of an Optuna study that is kept on disk: a trial that did not end is proposed again at the next start."""

    def __init__(self, options: Options, dimensions: Sequence[Dimension], planner: Planner, folder: Path, epochs: int):
        self._options, self._planner = options, planner
        self._spaces = {" ".join(dimension.keys): dimension for dimension in dimensions}
        self._distributions = {key: distribution(dimension) for key, dimension in self._spaces.items()}
        url = options.storage or URL.create("sqlite", database=str(folder / "study.db")).render_as_string()
        self._where = {"storage": url, "study_name": folder.name, "pruner": options.pruner, "epochs": epochs}
        # without the pruner, whose brackets would let tpe learn from a third of the trials only
        self._study = optuna.create_study(storage=storage(url), study_name=folder.name, load_if_exists=True)
        self._is_first = True
        self._has_replicated = False

    def propose(self, batch: int | None) -> list[Job]:
        """At most `batch` new trials; after the last trial the replicates of the best point; then nothing.

        The first proposal is the trials of earlier starts, if any: ended ones for the table, others to be resumed.
        """
        trials = self._earlier_trials() or self._new_trials(batch)
        return [self._job(trial) for trial in trials] or self._replicates()

    def observe(self, job: Job, record: RunRecord) -> None:
        """Tell the study how a trial ended; one that diverged counts as worse than all that completed."""
        if job.trial is None:
            return
        if record.outcome == "completed":
            self._study.tell(job.trial, record.best_loss, skip_if_finished=True)
        else:
            state = TrialState.PRUNED if record.is_over else TrialState.FAIL
            self._study.tell(job.trial, state=state, skip_if_finished=True)

    def _trials(self) -> list[FrozenTrial]:
        """The trials that have all their parameters: a killed process may have left one without."""
        drawn = self._study.get_trials(deepcopy=False)
        return [trial for trial in drawn if trial.params.keys() == self._distributions.keys()]

    def _earlier_trials(self) -> list[FrozenTrial]:
        """The trials that are still running, at first also those that ended."""
        is_first, self._is_first = self._is_first, False
        return [trial for trial in self._trials() if is_first or trial.state == TrialState.RUNNING]

    def _new_trials(self, batch: int | None) -> list[FrozenTrial]:
        missing = self._options.trials - len(self._trials())
        drawn = {self._draw() for _ in range(max(0, min(batch or missing, missing)))}
        return [trial for trial in self._trials() if trial.number in drawn]

    def _draw(self) -> int:
        """Draw a trial; its number. A sampler of its own for each makes a resumed search draw the same points."""
        number = len(self._study.get_trials(deepcopy=False))
        seed = int(np.random.SeedSequence([self._options.seed, number]).generate_state(1)[0])
        self._study.sampler = make_sampler(self._options.search, seed)
        return self._study.ask(self._distributions).number

    def _job(self, trial: FrozenTrial) -> Job:
        reports = self._options.pruner and not trial.state.is_finished()  # a finished trial accepts no reports
        return self._planner.job(self._overrides(trial.params), trial.number, self._where if reports else None)

    def _replicates(self) -> list[Job]:
        completed = any(trial.state == TrialState.COMPLETE for trial in self._study.get_trials(deepcopy=False))
        if self._has_replicated or not completed or self._options.replicates == 1:
            return []
        self._has_replicated = True
        best = self._overrides(self._study.best_params)
        first = self._planner.job(best).seed
        return [self._planner.job((*best, f"seed={first + k}")) for k in range(1, self._options.replicates)]

    def _overrides(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        """The sampled values as overrides KEY=VALUE."""
        chosen: list[str] = []
        for key, dimension in self._spaces.items():
            span, value = dimension.span, params[key]
            chosen += dimension.alternatives[value] if span is None else [f"{key}={span.text(value)}"]
        return tuple(chosen)
