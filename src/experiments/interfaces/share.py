"""The columns of a window that one of several processes reads."""

from typing import NamedTuple

import numpy as np

from .data import IGNORE, Window


class Share(NamedTuple):
    """Columns `first` to `last` - 1 of `total`."""

    total: int  # B
    first: int
    last: int
    is_spare: bool = False  # more processes than columns: it reads one that another scores, and scores nothing

    @classmethod
    def among(cls, total: int, rank: int, size: int) -> "Share":
        """The share of one of `size` processes: contiguous columns, the first shares one longer than the others.

        A process whose rank is not below `size` or `total` is spare.
        """
        if rank >= min(size, total):
            return cls(total, total - 1, total, is_spare=True)
        shortest, longer = divmod(total, size)
        first = rank * shortest + min(rank, longer)
        return cls(total, first, first + shortest + (rank < longer))

    @property
    def columns(self) -> slice:
        return slice(self.first, self.last)

    def of(self, window: Window) -> Window:
        """A window (T, B) with these columns only; its `count` stays that of all of them."""
        inputs, targets = (np.ascontiguousarray(array[:, self.columns]) for array in (window.inputs, window.targets))
        if self.is_spare:
            targets = np.full_like(targets, np.nan if targets.dtype.kind == "f" else IGNORE)
        return window._replace(inputs=inputs, targets=targets)
