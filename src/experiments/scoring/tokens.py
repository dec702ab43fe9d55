"""The columns of a scored text: of every token, and of every line."""

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..training.metrics import LN2, perplexity
from .likelihood import Likelihood, ScoredLine

Row = dict[str, Any]


def token_rows(line: ScoredLine) -> Iterator[Row]:
    """A row per token; all numbers are None for one that is only read, the running ones are those of its line.

    log_probability is the natural logarithm of the probability, surprisal_bits its negative to the base 2.
    """
    running = np.cumsum(np.nan_to_num(line.nats, nan=0.0))
    scored = itertools.accumulate((not math.isnan(nats) for nats in line.nats), initial=0)
    next(scored)
    columns = zip(line.symbols, line.pieces, line.unknown.tolist(), line.nats.tolist(), running.tolist(), scored)
    for k, (symbol, piece, unknown, nats, total, count) in enumerate(columns, 1):
        known = not math.isnan(nats)
        yield {
            "line": line.number,
            "position": k,
            "token": symbol,
            "text": piece,
            "unknown": unknown,
            "probability": math.exp(-nats) if known else None,
            "inverse_probability": perplexity(nats) if known else None,
            "surprisal_bits": nats / LN2 if known else None,
            "log_probability": -nats if known else None,
            "running_log_probability": -total if known else None,
            "mean_surprisal_nats": total / count if known else None,
            "running_perplexity": perplexity(total / count) if known else None,
        }


def line_row(name: int | str, text: str, likelihood: Likelihood) -> Row:
    """The row of a line, or of all of them."""
    return {
        "line": name,
        "text": text,
        "tokens": likelihood.tokens,
        "unknown": likelihood.unknown,
        "log_probability": likelihood.log_probability,
        "surprisal_bits": likelihood.bits,
        "perplexity": likelihood.perplexity if likelihood.tokens else None,
        "product": likelihood.product,
    }
