"""What a word-vector model predicts from what in a window of a stream of symbols.

With C = 2 and the symbols a b c d e f, when d is read as a target:

    skip-gram   d and each of its C predecessors predict each other:    b <-> d    c <-> d
    CBOW        the symbol C before d now has both its sides:           a c d -> b

So every pair of symbols at most C apart is scored once in each direction, and every symbol is a CBOW centre once, in
whatever windows the stream is read, except that the last C symbols of a column are context only: nothing says that a
column ends.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from ...interfaces.data import IGNORE, PADDING
from ..baselines.context import contexts


class Examples(NamedTuple):
    """n sources, each the mean of some symbols' vectors, and m predictions of one symbol from one source."""

    sources: Tensor  # (n, S) ids; PADDING where a source has fewer than S symbols
    rows: Tensor  # (m,) the source that predicts
    targets: Tensor  # (m,) ids that are predicted


class Past(NamedTuple):
    """The state between windows. A reach of r lets a symbol see the r symbols on each side; 0 leaves it out."""

    ids: Tensor  # (P, B) the last symbols before the next input, those left out not among them; PADDING: none yet
    reaches: Tensor  # (P, B) of these symbols; PADDING where there is none
    next_reach: Tensor  # (1, B) of the next input, which was the last target; PADDING where it is the column's first


def nothing_read(size: int, batch_size: int, device: torch.device) -> Past:
    """The state of columns that begin, with room for `size` symbols."""
    empty = torch.full((size, batch_size), PADDING, device=device)
    return Past(empty, empty.clone(), empty.new_full((1, batch_size), PADDING))


def read(inputs: Tensor, reaches: Tensor, targets: Tensor, past: Past) -> tuple[Tensor, Tensor, Past]:
    """inputs and targets (T, B), reaches (T+1, B) of the first input and all targets -> symbols, reaches, state after.

    Symbols and their reaches are (T, B, P+1): those before each target, oldest first, and the target itself, which is
    PADDING where it is not predicted or left out.
    """
    before, own = reaches[:-1], reaches[1:]
    is_read = (inputs != PADDING) & (before != 0)
    ids, ids_after = contexts(inputs.where(is_read, PADDING), past.ids)
    reach, reach_after = contexts(before.where(is_read, PADDING), past.reaches)
    is_target = (targets != IGNORE) & (own != 0)
    symbols = torch.cat([ids, targets.where(is_target, PADDING)[..., None]], dim=2)
    return symbols, torch.cat([reach, own[..., None]], dim=2), Past(ids_after, reach_after, own[-1:])


def skipgram_examples(symbols: Tensor, reaches: Tensor) -> Examples:
    """symbols and reaches (T, B, C+1) -> the predictions of each target's neighbours before it, and by them.

    The sources are the distinct centres.
    """
    new, before = symbols[..., -1:], symbols[..., :-1]
    distance = torch.arange(before.shape[2], 0, -1, device=symbols.device)
    is_pair = (new != PADDING) & (before != PADDING)
    backward = is_pair & (distance <= reaches[..., -1:])  # the target is the centre
    onward = is_pair & (distance <= reaches[..., :-1])
    news = new.expand_as(before)
    centres = torch.cat([news[backward], before[onward]])
    targets = torch.cat([before[backward], news[onward]])
    distinct, rows = torch.unique(centres, return_inverse=True)
    return Examples(distinct[:, None], rows, targets)


def cbow_examples(symbols: Tensor, reaches: Tensor) -> Examples:
    """symbols and reaches (T, B, 2C+1) -> the centre of each, predicted from the others within the centre's reach."""
    C = symbols.shape[2] // 2
    has_both_sides = (symbols[..., -1] != PADDING) & (symbols[..., C] != PADDING)
    window = symbols[has_both_sides]  # (n, 2C+1)
    sides = [*range(C), *range(C + 1, 2 * C + 1)]
    distance = torch.tensor([abs(place - C) for place in sides], device=symbols.device)
    is_seen = distance <= reaches[has_both_sides][:, C : C + 1]
    rows = torch.arange(len(window), device=symbols.device)
    return Examples(window[:, sides].where(is_seen, PADDING), rows, window[:, C])
