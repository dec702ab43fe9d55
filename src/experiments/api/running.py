"""Training, or whatever a runner does, from Python."""

import contextlib
import dataclasses
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..cli import log_to_screen
from ..config.errors import ConfigError
from ..tracking.record import RunRecord
from .composing import Options, errors_as_sentences, experiment_of
from .records import best_of, metrics_of

if TYPE_CHECKING:
    import pandas as pd

    from .trained import Trained


@dataclasses.dataclass(frozen=True)
class Run:
    """A recorded run, as its folder has it."""

    folder: Path

    @property
    def record(self) -> RunRecord:
        """All that is recorded: parameters, tags, status, metrics."""
        return RunRecord.of(self.folder)

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def outcome(self) -> str | None:
        """completed, pruned, diverged, interrupted or failed."""
        return self.record.outcome

    @property
    def metrics(self) -> "pd.DataFrame":
        """A column for each `train/* valid/* test/*`, a row for each epoch; the index is training targets seen."""
        return metrics_of(self.record)

    @property
    def best(self) -> dict[str, float]:
        """The metrics at the epoch of the lowest validation (else training) loss, and those of the test."""
        return best_of(self.record)

    def load(self) -> "Trained":
        """The network with its best weights."""
        from .trained import load

        return load(str(self.folder))

    def __repr__(self) -> str:
        return f"<run {self.name}: {self.outcome}>"


@contextlib.contextmanager
def lines_on_screen(show: bool) -> Iterator[None]:
    """Print what the package logs, or leave it to the run's own file."""
    log_to_screen()
    log = logging.getLogger("experiments")
    hidden = [] if show else list(log.handlers)
    for handler in hidden:
        log.removeHandler(handler)
    try:
        yield
    finally:
        for handler in hidden:
            log.addHandler(handler)


def run(options: Options = "", *, show: bool = True) -> Run:
    """Run what `experiments OPTIONS` would: `run("data=ptb model=torch_lstm epochs=1")`; the run that it recorded.

    `options` is typed as in a shell, or a list with one text for each option. With `show` its lines are printed. Raises
    ConfigError with the command's sentence, and for a runner that records no run (`load` has what they print).
    """
    with lines_on_screen(show), errors_as_sentences():
        experiment = experiment_of(options)
        experiment.run()
    if not experiment.recorded:
        raise ConfigError(f"runner={experiment.choices['runner']} records no run")
    return Run(experiment.recorded[-1])
