"""A language model's probability of every token of a text."""

import dataclasses
import decimal
import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch

from ..interfaces.data import Window
from ..interfaces.model import Model, State
from ..interfaces.vocabulary import Vocabulary
from ..training.device import Device
from ..training.metrics import LN2, perplexity
from .lines import ids_of, pieces_of

NUMBERS = 1 << 22  # log-probabilities that are computed at once: bounds memory, does not change the result
WIDE = decimal.Context(prec=12, Emin=decimal.MIN_EMIN)  # holds the probability of any text


class Likelihood:
    """Sums over tokens whose probability is known: natural logarithms, read as nats, bits and perplexity."""

    def __init__(self, nats: float = 0.0, tokens: int = 0, unknown: int = 0):
        self.nats, self.tokens, self.unknown = nats, tokens, unknown

    def __add__(self, other: "Likelihood") -> "Likelihood":
        return Likelihood(self.nats + other.nats, self.tokens + other.tokens, self.unknown + other.unknown)

    @property
    def log_probability(self) -> float:
        return -self.nats if self.nats else 0.0

    @property
    def bits(self) -> float:
        return self.nats / LN2

    @property
    def perplexity(self) -> float:
        """exp of the mean of -log p; NaN without tokens."""
        return perplexity(self.nats / self.tokens) if self.tokens else math.nan

    @property
    def product(self) -> decimal.Decimal:
        """The product of the conditional probabilities, also where a float would be 0."""
        return WIDE.exp(decimal.Decimal(-self.nats))


@dataclasses.dataclass(frozen=True)
class ScoredLine:
    """A line and the negative log-likelihood of its tokens."""

    number: int  # in the text, from 1
    symbols: Sequence[str]  # as the text has them
    pieces: Sequence[str]  # what each adds to the text as people write it
    unknown: np.ndarray  # (n,) whether it is read as the symbol for unknown
    nats: np.ndarray  # (n,) float64; NaN for a token that is only read

    @property
    def text(self) -> str:
        """As people write it, without the line's end."""
        return "".join(self.pieces).strip("\r\n")

    @property
    def likelihood(self) -> Likelihood:
        scored = ~np.isnan(self.nats)
        return Likelihood(float(self.nats[scored].sum()), int(scored.sum()), int(self.unknown[scored].sum()))


def score_lines(
    model: Model,
    device: Device,
    vocabulary: Vocabulary,
    lines: Iterable[Sequence[str]],
    context: np.ndarray,
    *,
    carry: bool,
) -> Iterator[ScoredLine]:
    """The symbols of lines -> every line scored, after the context (n,), which is not.

    With `carry` the state goes on from line to line, else each begins with the initial one and the context. Without a
    context the first symbol is only read. Raises ConfigError that names symbols which the vocabulary lacks.
    """
    unknown = -1 if vocabulary.unknown_id is None else vocabulary.unknown_id
    state, before, at_once = model.initial_state(1), context, max(1, NUMBERS // len(vocabulary))
    for number, symbols in enumerate(lines, 1):
        if not carry:
            state, before = model.initial_state(1), context
        ids = ids_of(vocabulary, symbols, f"line {number}")
        read = np.concatenate([before, ids]).astype(np.int64)
        nats = np.full(len(ids), math.nan)
        if len(read) > 1:
            found, state = _nats(model, device, read, state, at_once)
            own = found[len(found) - len(ids) :] if len(before) else found
            nats[len(ids) - len(own) :] = own
        before = read[-1:]
        yield ScoredLine(number, symbols, _as_written(vocabulary, symbols, ids), ids == unknown, nats)


def _as_written(vocabulary: Vocabulary, symbols: Sequence[str], ids: np.ndarray) -> list[str]:
    """What each symbol adds to the text, in the text's own words where these are unknown."""
    unknown = vocabulary.unknown
    return [
        piece.removesuffix(unknown) + symbol if unknown is not None and piece.endswith(unknown) else piece
        for symbol, piece in zip(symbols, pieces_of(vocabulary, ids))
    ]


@torch.no_grad()
def _nats(model: Model, device: Device, ids: np.ndarray, state: State, at_once: int) -> tuple[np.ndarray, State]:
    """ids (n,) -> negative log-likelihood (n-1,) float64 of each but the first after those before it, state after."""
    found = []
    for first in range(0, len(ids) - 1, at_once):
        inputs = ids[first : first + at_once + 1]
        window = Window(inputs[:-1, None], inputs[1:, None], False, len(inputs) - 1)
        with device.autocast():
            nats, state = model.target_nats(*device.tensors(window), state)
        found.append(nats[:, 0].double().cpu().numpy())
    return np.concatenate(found), state
