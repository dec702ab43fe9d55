"""Scored texts as tables on a screen."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tabulate import tabulate

from ..config.errors import printable
from ..interfaces.vocabulary import shown
from .classes import ClassifiedText
from .likelihood import Likelihood, ScoredLine
from .tokens import token_rows

TOKEN_HEADS = ("token", "p", "1/p", "bits", "ln p", "sum of ln p", "mean of -ln p", "perplexity")
LINE_HEADS = ("line", "tokens", "ln p", "bits", "perplexity", "product of p", "text")
MAX_TEXT = 60  # characters of a line beside its numbers
MAX_CLASSES = 8  # that each have a column


def token_table(line: ScoredLine, unknown: str | None) -> str:
    """A line's text, a row per token, and its sums. ln p is in nats; bits are -log2 p."""
    rows = [_token_cells(row) for row in token_rows(line)]
    table = _table(TOKEN_HEADS, rows)
    note = f"\n* unknown: has the probability of {unknown}" if line.unknown.any() else ""
    return (
        f"line {line.number}: {printable(line.text)}\n{table}{note}\n{sums(f'line {line.number}', line.likelihood)}\n"
    )


def _token_cells(row: dict[str, Any]) -> list[str]:
    name = shown(row["token"], row["text"]) + (" *" if row["unknown"] else "")
    if row["probability"] is None:
        return [name, "only read", *[""] * (len(TOKEN_HEADS) - 2)]
    logs = ("log_probability", "running_log_probability", "mean_surprisal_nats")
    return [
        name,
        _probability(row["probability"]),
        _large(row["inverse_probability"]),
        f"{row['surprisal_bits']:.2f}",
        *(f"{row[key]:.4f}" for key in logs),
        _large(row["running_perplexity"]),
    ]


def line_table(lines: Sequence[ScoredLine], heads: Sequence[str] = LINE_HEADS) -> str:
    """A row per line."""
    return _table(heads, [[str(line.number), *_line_cells(line)] for line in lines])


def ranking_table(lines: Sequence[ScoredLine]) -> str:
    """A row per line, the most probable first, with its share of the probability of all of them."""
    best = max(line.likelihood.log_probability for line in lines)
    odds = [(line.likelihood.product / Likelihood(-best).product) for line in lines]
    rows = []
    for rank, (line, share) in enumerate(zip(lines, odds), 1):
        rows.append([str(rank), _probability(float(share / sum(odds))), str(line.number), *_line_cells(line)])
    return _table(("rank", "share", *LINE_HEADS), rows)


def _line_cells(line: ScoredLine) -> list[str]:
    scored = line.likelihood
    sums = [f"{scored.log_probability:.4f}", f"{scored.bits:.2f}", _large(scored.perplexity), _product(scored)]
    return [str(scored.tokens), *sums, _short(line.text)]


def sums(name: str, scored: Likelihood) -> str:
    """Log-probability, perplexity and product of a line or of all of them, in words."""
    if not scored.tokens:
        return f"{name}: no token is scored"
    unknown = f" ({scored.unknown:,} unknown, {scored.unknown / scored.tokens:.1%})" if scored.unknown else ""
    return (
        f"{name}: {scored.tokens:,} tokens{unknown}  ln p {scored.log_probability:.6f} ({scored.bits:.2f} bits)  "
        f"perplexity {_large(scored.perplexity)}  product of p {_product(scored)}"
    )


def class_tables(texts: Iterable[ClassifiedText], labels: Sequence[str], at_once: int = 500) -> Iterator[str]:
    """A row per text with its most probable class and the probability of every class, or of the first three."""
    few = len(labels) <= MAX_CLASSES
    heads = ["line", "class", *([f"p({label})" for label in labels] if few else ["probabilities"]), "unknown", "text"]
    texts = iter(texts)
    while part := list(itertools.islice(texts, at_once)):
        rows = []
        for text in part:
            order = text.probabilities.argsort()[::-1]
            top = ", ".join(f"{labels[k]} {_probability(text.probabilities[k])}" for k in order[:3])
            cells = [_probability(p) for p in text.probabilities] if few else [top]
            unknown = f"{text.unknown} of {text.words}"
            rows.append([str(text.number), labels[order[0]], *cells, unknown, _short(text.text)])
        yield _table(heads, rows) + "\n"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    sides = ["left" if name in ("token", "text", "class", "probabilities") else "right" for name in heads]
    return tabulate(rows, heads, "plain", colalign=sides if rows else None, disable_numparse=True)


def _probability(p: float) -> str:
    return f"{p:.4f}" if p >= 0.001 else f"{p:.2e}"


def _product(scored: Likelihood) -> str:
    return f"{scored.product:.4f}" if scored.product >= 0.001 else f"{scored.product:.3e}"


def _large(value: float) -> str:
    return f"{value:,.2f}" if value < 1e7 else f"{value:.3e}"


def _short(text: str) -> str:
    return printable(text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…")
