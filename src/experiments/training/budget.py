"""How long a training may go on: seconds of training or training targets, in the middle of an epoch too."""

import contextlib
from collections.abc import Iterator

from ..checkpoints.training_state import AttributesAsState
from .processes import Processes


class Budget(AttributesAsState):
    """What a training has used of `max_seconds` and `max_targets`; None: no limit.

    Seconds are those between `start` and `lap`, so those of validation and of writing checkpoints do not count. They
    are read on the first process's clock, so that all processes end after the same update.
    """

    def __init__(self, num_epochs: int, max_seconds: float | None, max_targets: int | None, processes: Processes):
        self._num_epochs, self._limits = num_epochs, {"max_seconds": max_seconds, "max_targets": max_targets}
        self._processes, self._began = processes, 0.0
        self.used = {"max_seconds": 0.0, "max_targets": 0}

    def state_dict(self) -> dict[str, float]:
        return dict(self.used)

    def load_state_dict(self, state: dict[str, float]) -> None:  # type: ignore[override]  # not of its attributes
        self.used = dict(state)

    @property
    def is_limited(self) -> bool:
        """Whether there is a limit at all."""
        return any(limit is not None for limit in self._limits.values())

    @property
    def reached(self) -> str | None:
        """The limit that is reached, "max_seconds" or "max_targets"; None if none is."""
        return next((name for name, used in self._fractions().items() if used >= 1.0), None)

    def start(self) -> None:
        """Training begins or goes on now: the time since the last `lap` does not count."""
        if self._limits["max_seconds"] is not None:
            self._processes.read_clock()
            self._began = self._processes.now()

    def lap(self, targets: int) -> None:
        """After an update: its time counts, and so many targets were seen since the training began."""
        self.used["max_targets"] = targets
        if self._limits["max_seconds"] is not None:
            now = self._processes.now()
            self.used["max_seconds"] += now - self._began
            self._began = now

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Time inside does not count."""
        yield
        self.start()

    def share(self, epochs: float) -> float:
        """The share of all epochs after which training will end, from what `epochs` of them have used; 1: after all.

        Progress is the largest of the fractions of epochs, seconds and targets, so it never falls, and it is 1 exactly
        at the end. The end is at epochs / progress.
        """
        done = epochs / self._num_epochs
        return done / max([done, *self._fractions().values()]) if done else 1.0

    def _fractions(self) -> dict[str, float]:
        return {name: self.used[name] / limit for name, limit in self._limits.items() if limit is not None}
