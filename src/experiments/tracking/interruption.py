"""Ctrl-C, SIGTERM and a closed terminal, deferred to a moment at which stopping loses nothing."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

Agreed = Callable[[int | None], int | None]


class Interrupted(KeyboardInterrupt):
    """A signal asked the run to stop; `at_once` if it was the second one, which may interrupt an update."""

    def __init__(self, number: int, at_once: bool = False):
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.signal, self.at_once = number, at_once  # the exit code tells which signal it was


class ProcessLost(ConnectionError):
    """Another process of this run ended, or cannot be reached any more."""

    status, outcome = "KILLED", "interrupted"


class Stop:
    """Whether the run was asked to stop: by a signal, or by one that `relayed` returns.

    Where several processes train together, `agreed` returns for the signal of this one that for which all stop now.
    """

    def __init__(self, relayed: Callable[[], int | None], agreed: Agreed = lambda received: received):
        self.signal: int | None = None  # that of this process
        self._relayed, self._agreed = relayed, agreed

    def check(self) -> None:
        """Raise Interrupted if the run was asked to stop."""
        if self.signal is None:
            self.signal = self._relayed()
        if (number := self._agreed(self.signal)) is not None:
            raise Interrupted(number)


@contextlib.contextmanager
def interruptible(
    relayed: Callable[[], int | None] = lambda: None, agreed: Agreed = lambda received: received
) -> Iterator[Stop]:
    """In the block the first signal is only noted in the Stop; a second one raises Interrupted wherever the code is."""
    stop = Stop(relayed, agreed)

    def handle(number: int, _frame: FrameType | None) -> None:
        if stop.signal is not None:
            raise Interrupted(number, at_once=True)
        stop.signal = number

    if threading.current_thread() is not threading.main_thread():
        yield stop  # only the main thread receives signals
        return
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup sets it
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
