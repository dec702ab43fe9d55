"""One network trained by one process or by several, between which the columns of every window are divided.

Each process adds up the gradients of its own columns; their sum over the processes, divided once by all targets, is
that of one process. All processes then clip and step alike, so their weights stay the same. `Processes` is one process,
`process_group.ProcessGroup` several; the loop does not know which it has.
"""

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self, TypeVar

import torch

from ..config.launch import Launch
from ..interfaces.data import Window
from ..interfaces.model import Score, State
from ..interfaces.share import Share

T = TypeVar("T")


class Processes:
    """A process that trains alone: it has all columns and nobody to agree with. A context manager around its work."""

    def __init__(self, launch: Launch = Launch()):  # noqa: B008 - it cannot be changed
        self.launch = launch

    @property
    def size(self) -> int:
        return self.launch.size

    @property
    def is_first(self) -> bool:
        """Whether this process records the run."""
        return self.launch.rank == 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to leave."""

    def own(self, window: Window, is_divided: bool = True) -> tuple[Window, Share | None]:  # noqa: ARG002
        """What this process reads of a window, and which columns these are; None: all, as nobody else reads any.

        A window that is not divided has the first process alone, and the share of the others is spare.
        """
        return window, None

    def add_up(
        self,
        scores: Sequence[Score],
        parameters: Sequence[torch.nn.Parameter] = (),  # noqa: ARG002 - there is nothing to add
    ) -> Sequence[Score]:
        """The sums of scores over the processes; the gradients of the parameters become their sums, in place."""
        return scores

    def agreed(self, received: int | None) -> int | None:
        """The signal for which all processes stop now, given the one that this process received."""
        return received

    def now(self) -> float:
        """Seconds on a clock that all processes read alike, so that they decide alike."""
        return time.monotonic()

    def read_clock(self) -> None:
        """Bring the clock of `now` up to date; all have to call this."""

    def from_first(self, make: Callable[[], T]) -> T:
        """What the first process makes; the others do not make it."""
        return make()

    def refuse_differences(self, what: str) -> None:
        """ConfigError in all processes unless `what` they compute, and of which data, is the same."""

    def whole(self, state: State, share: Share | None) -> State:  # noqa: ARG002
        """The state of all columns, in the first process; each gives that of its share."""
        return state

    def shared(self, state: State) -> tuple[State, Share | None]:
        """The inverse: of the state of all columns that of this process's own, and which columns these are."""
        return state, None

    def wait_for_first(self) -> None:
        """Wait until the first process has left the group, or is dead."""
