"""The last symbols before each prediction, for models that read no further back."""

import torch
from torch import Tensor

from ...interfaces.data import PADDING


def contexts(inputs: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """inputs (T, B), state (C, B) -> the last C symbols at each step (T, B, C), the state after (C, B).

    A context is read oldest symbol first, ends with its step's own input and holds PADDING where there is no symbol
    yet. Inputs that are padding are skipped: they repeat the context before them. The symbols of a column must be
    contiguous.
    """
    T, B = inputs.shape
    given = inputs != PADDING
    first = given.to(torch.uint8).argmax(dim=0)
    t = torch.arange(T, device=inputs.device)[:, None]
    symbols = inputs.gather(0, (t + first) % T)  # each column rolled until it begins with its symbols
    after_n = torch.cat([state, symbols]).unfold(0, len(state), 1)  # (T+1, B, C): a view, overlapping contexts
    n = given.cumsum(dim=0)  # symbols read so far
    columns = torch.arange(B, device=inputs.device)
    return after_n[n, columns], after_n[n[-1], columns].T


def no_context(size: int, batch_size: int, device: torch.device) -> Tensor:
    """The state (C, B) before the first symbol."""
    return torch.full((size, batch_size), PADDING, device=device)
