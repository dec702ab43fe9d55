"""The last symbols before each prediction, for models that read no further back."""

import torch
from torch import Tensor

from ...interfaces.data import PADDING


def contexts(inputs: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """inputs (T, B), state (C, B) -> the last C symbols at each step (T, B, C), the state after (C, B).

    A context is read oldest symbol first, ends with its step's own input and holds PADDING where there is no symbol
    yet. Inputs that are padding are skipped, wherever they are: they repeat the context before them.
    """
    B, given = inputs.shape[1], inputs != PADDING
    symbols = inputs.gather(0, (~given).to(torch.uint8).argsort(dim=0, stable=True))  # each column's symbols first
    after_n = torch.cat([state, symbols]).unfold(0, len(state), 1)  # (T+1, B, C): a view, overlapping contexts
    n = given.cumsum(dim=0)  # symbols read so far
    columns = torch.arange(B, device=inputs.device)
    return after_n[n, columns], after_n[n[-1], columns].T


def no_context(size: int, batch_size: int, device: torch.device) -> Tensor:
    """The state (C, B) before the first symbol."""
    return torch.full((size, batch_size), PADDING, device=device)
