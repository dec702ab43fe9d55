"""How a stream of N symbols is cut into windows of T steps and B columns.

With N-1 = 10 transitions, B = 3 and T = 2, `stream_windows` reads each column top to bottom:

             column 0    column 1    column 2
    t = 0     0 -> 1      4 -> 5      7 -> 8       window 0
    t = 1     1 -> 2      5 -> 6      8 -> 9
    ------------------------------------------
    t = 2     2 -> 3      6 -> 7      9 -> 10      window 1: the state is carried, the gradient is not
    t = 3     3 -> 4         .           .         PADDING -> IGNORE

Every transition is scored exactly once, also those at the seams between columns.
"""

from collections.abc import Callable, Sequence

import numpy as np

from ..interfaces.data import IGNORE, PADDING, Window


class Windows(Sequence[Window]):
    """A lazy sequence of `number` windows: window k is cut when it is asked for."""

    def __init__(self, number: int, cut: Callable[[int], Window]):
        self._number, self._cut = number, cut

    def __len__(self) -> int:
        return self._number

    def __getitem__(self, k: int) -> Window:  # type: ignore[override]  # no slices
        if not 0 <= k < self._number:
            raise IndexError(k)
        return self._cut(k)


def stream_windows(symbols: np.ndarray, batch_size: int, truncation: int | None, warm_up: int = 0) -> Windows:
    """symbols (N,) -> windows in which each of the N-1 transitions is counted once.

    Column i begins where column i-1 ends; the first columns are one step longer than the others. With `warm_up`, every
    column but the first begins so many steps earlier, and their targets are IGNORE: it has a past when it counts.
    Raises ValueError if there are fewer transitions than columns.
    """
    transitions = len(symbols) - 1
    _check_batch(transitions, batch_size)
    warm_up = min(warm_up, transitions // batch_size)
    shortest, longer = divmod(transitions + (batch_size - 1) * warm_up, batch_size)
    columns = np.arange(batch_size)
    starts = columns * (shortest - warm_up) + np.minimum(columns, longer)
    lengths = shortest + (columns < longer)
    first = np.where(columns > 0, warm_up, 0)  # step that counts
    T = truncation or int(lengths[0])

    def cut(k: int) -> Window:
        if warm_up <= k * T and (k + 1) * T <= shortest:  # all its steps count
            read = symbols[starts + np.arange(k * T, (k + 1) * T + 1)[:, None]].astype(np.int64)
            return Window(read[:-1], read[1:], k == 0, T * batch_size)
        t = np.arange(k * T, min((k + 1) * T, lengths[0]))[:, None]
        live = t < lengths
        at = np.minimum(starts + t, transitions - 1)
        inputs = np.where(live, symbols[at].astype(np.int64), PADDING)
        counts = live & (t >= first)
        targets = np.where(counts, symbols[at + 1].astype(np.int64), IGNORE)
        return Window(inputs, targets, k == 0, int(counts.sum()))

    return Windows(-(-int(lengths[0]) // T), cut)


def wrapped_windows(symbols: np.ndarray, batch_size: int, truncation: int | None, epoch: int) -> Windows:
    """The textbook's mini-batches: symbols (N,) read for ever, (N-1)//(B*T) windows to an epoch.

    Column i begins at i * ((N-1)//B) and reads on modulo the N-1 transitions; neither the end of the stream nor
    that of an epoch resets the state (Saitoh, Deep Learning from Scratch 2, the trainer of its language models).
    Raises ValueError if the stream is shorter than one window.
    """
    transitions = len(symbols) - 1
    _check_batch(transitions, batch_size)
    jump = transitions // batch_size
    T = truncation or jump
    number = transitions // (batch_size * T)
    if number == 0:
        raise ValueError(
            f"a wrapped stream needs batch_size * truncation transitions at least: got {transitions} for "
            f"{batch_size} * {T}; lower one of them"
        )
    starts = np.arange(batch_size) * jump

    def cut(k: int) -> Window:
        t = (epoch * number + k) * T + np.arange(T)[:, None]
        at = (starts + t) % transitions
        inputs, targets = symbols[at].astype(np.int64), symbols[at + 1].astype(np.int64)
        return Window(inputs, targets, epoch == 0 and k == 0, T * batch_size)

    return Windows(number, cut)


def _check_batch(transitions: int, batch_size: int) -> None:
    if transitions < batch_size:
        raise ValueError(
            f"the corpus is shorter than the batch: {max(transitions, 0)} transitions from one symbol to the next "
            f"cannot fill batch_size={batch_size} columns; give a smaller batch_size"
        )
