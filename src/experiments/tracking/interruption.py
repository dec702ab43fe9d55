"""Ctrl-C and SIGTERM, kept until the loop stands where stopping loses nothing."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator


class Interrupted(KeyboardInterrupt):
    """The user or the system asked the run to stop; `at_once` if it was asked twice and stands anywhere."""

    def __init__(self, number: int, at_once: bool = False):
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.signal, self.at_once = number, at_once


class Stop:
    """Whether somebody asked to stop: by a signal, or as `asked` says."""

    def __init__(self, asked: Callable[[], bool]):
        self.signal: int | None = None
        self._asked = asked

    def check(self) -> None:
        """Raise Interrupted if somebody did."""
        if self.signal is None and self._asked():
            self.signal = signal.SIGTERM
        if self.signal is not None:
            raise Interrupted(self.signal)


@contextlib.contextmanager
def interruptible(asked: Callable[[], bool] = lambda: False) -> Iterator[Stop]:
    """Inside, the first signal is only noted in the Stop; a second one raises at once, wherever the code is."""
    stop = Stop(asked)

    def note(number, _frame):
        if stop.signal is not None:
            raise Interrupted(number, at_once=True)
        stop.signal = number

    if threading.current_thread() is not threading.main_thread():
        yield stop  # signals belong to the main thread
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
