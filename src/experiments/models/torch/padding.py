"""Columns of unequal length for layers that cannot skip steps."""

import torch
from torch import Tensor


def is_padded(inputs: Tensor) -> bool:
    """Whether some of the inputs are padding.

    Reading a GPU's tensor waits for all work queued there, so the code that moves inputs to it sets `padded` on them.
    """
    return inputs.padded if hasattr(inputs, "padded") else not bool(live_steps(inputs).all())


def live_steps(inputs: Tensor) -> Tensor:
    """inputs (T, B) or (T, B, V) -> (T, B) bool, where there is no padding."""
    return inputs >= 0 if inputs.dim() == 2 else ~inputs.isnan().all(dim=2)


class Padding:
    """Columns whose symbols are preceded or followed by padding, run as if they held the symbols alone.

    torch's fused layers read every step, and packed sequences leave their fast path (46 times slower on a CPU for 64
    reviews of 400 words). So each column is rolled until its symbols come first, and what the layers compute for the
    padding after them is ignored. The symbols of a column must be contiguous.
    """

    def __init__(self, inputs: Tensor):
        """inputs (T, B), padding below 0, or (T, B, V), padding NaN."""
        given = live_steps(inputs)
        T = len(inputs)
        t = torch.arange(T, device=inputs.device)[:, None]
        lengths = given.sum(dim=0)
        first = given.to(torch.uint8).argmax(dim=0)
        self.live = t < lengths  # (T, B), symbols first
        self._forth, self._back = (t + first) % T, (t - first) % T
        self._mirror = torch.where(self.live, lengths - 1 - t, t)
        self._last = lengths.clamp(min=1)[None] - 1
        self._empty = (lengths == 0)[None, :, None]
        self._is_before = (self._forth < first) & ~self.live

    def symbols_first(self, x: Tensor) -> Tensor:
        """(T, B) or (T, B, size) as given -> each column beginning with its symbols."""
        return _steps(x, self._forth)

    def as_given(self, x: Tensor) -> Tensor:
        """The inverse of `symbols_first`."""
        return _steps(x, self._back)

    def mirrored(self, x: Tensor) -> Tensor:
        """Symbols first (T, B, size) -> the symbols of each column in reverse order; its own inverse."""
        return _steps(x, self._mirror)

    def last(self, outputs: Tensor, before: Tensor) -> Tensor:
        """outputs (T, B, H) -> (1, B, H) at each column's last symbol; `before` where a column has none."""
        return torch.where(self._empty, before, _steps(outputs, self._last))

    def passed(self, outputs: Tensor, before: Tensor, last: Tensor) -> Tensor:
        """outputs (T, B, H), at padding the state `before` the symbols or the `last`, each (1, B, H)."""
        outside = torch.where(self._is_before[:, :, None], before, last)
        return torch.where(self.live[:, :, None], outputs, outside)

    def zeroed(self, x: Tensor) -> Tensor:
        """x (T, B, size) without the NaN of padding, which would spread: 0 * NaN is NaN."""
        return x.masked_fill(~self.live[:, :, None], 0.0)

    def mark(self, x: Tensor) -> Tensor:
        """x (T, B, size) -> (T, B, size + 1), the last number 1 at padding and 0 at symbols."""
        return torch.cat([x, (~self.live)[:, :, None].to(x.dtype)], dim=2)


def _steps(x: Tensor, order: Tensor) -> Tensor:
    """x (T, B, ...), order (n, B) -> (n, B, ...): column b reads step order[k, b] as its k-th."""
    columns = torch.arange(order.shape[1], device=order.device)
    picked = x.flatten(0, 1).index_select(0, (order * order.shape[1] + columns).flatten())
    return picked.view(*order.shape, *x.shape[2:])
