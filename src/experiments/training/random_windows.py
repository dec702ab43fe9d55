"""Windows of random lengths in training, so that no symbol is always the first of a window (Merity et al., 2017).

Merity, Keskar and Socher, Regularizing and Optimizing LSTM Language Models, section 5: a length is drawn from a normal
distribution around the truncation, for one window in 20 around half of it, and is at least 5. The learning rate of a
window is scaled by its length / truncation, or targets in short windows would count for more than those in long ones.
"""

from collections.abc import Sequence

import numpy as np

from ..interfaces.data import IGNORE, Window

SHORTEST = 5  # steps
HALVED = 0.05  # probability of a length around half of the truncation


class RandomWindows(Sequence[Window]):
    """The steps of `equal` windows of a text, of `truncation` steps each but for the last, cut at random places.

    Every step is in one window, in the same order. `seed` alone decides where they are cut. Window k is cut when it
    is asked for; ValueError if the equal windows are not as said.
    """

    def __init__(self, equal: Sequence[Window], truncation: int, std: float, seed: Sequence[int]):
        self._equal, self._truncation = equal, truncation
        steps = truncation * (len(equal) - 1) + len(equal[len(equal) - 1].inputs)
        self._ends = random_ends(steps, truncation, std, np.random.default_rng(seed))

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, k: int) -> Window:  # type: ignore[override]  # no slices
        if not 0 <= k < len(self):
            raise IndexError(k)
        begin, end, T = int(self._ends[k - 1]) if k else 0, int(self._ends[k]), self._truncation
        parts = [self._part(n, begin - n * T, end - n * T) for n in range(begin // T, (end - 1) // T + 1)]
        inputs, targets = (np.concatenate([getattr(part, name) for part in parts]) for name in ("inputs", "targets"))
        ignored = np.isnan(targets) if targets.dtype.kind == "f" else targets == IGNORE
        return Window(inputs, targets, k == 0 and parts[0].starts, int(targets.size - ignored.sum()))

    def _part(self, n: int, begin: int, end: int) -> Window:
        """Steps `begin` to `end` - 1 of equal window n, as far as it has them."""
        window, is_last = self._equal[n], n == len(self._equal) - 1
        if (len(window.inputs) != self._truncation and not is_last) or (window.starts and n > 0):
            raise ValueError(
                "truncation_std is for a text whose windows go on from each other with truncation steps each, and this "
                "data has others: give truncation_std=null"
            )
        steps = slice(max(begin, 0), end)
        return window._replace(inputs=window.inputs[steps], targets=window.targets[steps])


def random_ends(steps: int, truncation: int, std: float, draw: np.random.Generator) -> np.ndarray:
    """Where the windows end (n,), ascending; the last one at `steps`, however short that makes it."""
    lengths = np.empty(0, np.int64)
    while lengths.sum() < steps:
        number = steps // truncation + 1
        centres = np.where(draw.random(number) < HALVED, truncation / 2, truncation)
        drawn = np.rint(draw.normal(centres, std)).astype(np.int64)
        lengths = np.append(lengths, np.maximum(drawn, SHORTEST))
    ends = lengths.cumsum()
    return np.append(ends[ends < steps], steps)
