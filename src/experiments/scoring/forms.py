"""Scored texts as text for the screen, as CSV, JSON lines and one HTML page; pieces as they are ready."""

import csv
import decimal
import io
import itertools
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jinja2

from ..interfaces.vocabulary import shown
from . import screen
from .classes import ClassifiedText
from .likelihood import Likelihood, ScoredLine
from .tokens import Row, line_row, token_rows

TEMPLATE = Path(__file__).with_name("page.html.j2")
FULL = 16.0  # bits of surprisal that have the strongest colour
TOTAL = "total"


def likelihood_parts(lines: Iterable[ScoredLine], show: str, to: str, title: str, unknown: str | None) -> Iterator[str]:
    """Scored lines in the form `to`, in which `show` (tokens, lines, ranking) says what has a row."""
    if show == "ranking":
        lines = ranked(lines)
    if to == "screen":
        return _to_screen(lines, show, unknown)
    if to == "html":
        return _to_html(list(lines), show, title, unknown)
    if to == "jsonl":
        return _to_json(_objects(lines, show))
    return _to_csv(itertools.chain.from_iterable(_rows(lines, show)))


def class_parts(texts: Iterable[ClassifiedText], labels: Sequence[str], to: str, title: str) -> Iterator[str]:
    """Classified texts in the form `to`."""
    if to == "screen":
        return screen.class_tables(texts, labels)
    if to == "html":
        rows = [(text, sorted(zip(text.probabilities, labels), reverse=True)) for text in texts]
        return iter([_template().render(title=title, texts=rows)])
    if to == "jsonl":
        return _to_json(_class_row(text) | {"probabilities": _by_label(text, labels)} for text in texts)
    return _to_csv(_class_row(text) | {f"p({k})": p for k, p in _by_label(text, labels).items()} for text in texts)


def ranked(lines: Iterable[ScoredLine]) -> list[ScoredLine]:
    """The lines that have a text and a token that is scored, the most probable first."""
    there = [line for line in lines if line.text.strip() and line.likelihood.tokens]
    if not there:
        raise ValueError("there is no line to rank: give at least one with two symbols, or a runner.context")
    return sorted(there, key=lambda line: -line.likelihood.log_probability)


def _to_screen(lines: Iterable[ScoredLine], show: str, unknown: str | None) -> Iterator[str]:
    if show == "ranking":
        yield screen.ranking_table(list(lines)) + "\n"
        return
    total, number, lines = Likelihood(), 0, iter(lines)
    while part := list(itertools.islice(lines, 1 if show == "tokens" else 500)):
        total, number = sum((line.likelihood for line in part), total), number + len(part)
        yield screen.token_table(part[0], unknown) + "\n" if show == "tokens" else screen.line_table(part) + "\n"
    if number > 1 or show == "lines":
        yield screen.sums(TOTAL, total) + "\n"


def _rows(lines: Iterable[ScoredLine], show: str) -> Iterator[Iterable[Row]]:
    """The rows of every line, and at the end that of the total where each line is one row."""
    total = Likelihood()
    for rank, line in enumerate(lines, 1):
        total = total + line.likelihood
        row = line_row(line.number, line.text, line.likelihood)
        yield token_rows(line) if show == "tokens" else [{"rank": rank, **row} if show == "ranking" else row]
    if show == "lines":
        yield [line_row(TOTAL, "", total)]


def _objects(lines: Iterable[ScoredLine], show: str) -> Iterator[Row]:
    """An object per line, with `each` token where these are shown, and one of the total."""
    total = Likelihood()
    for rank, line in enumerate(lines, 1):
        total = total + line.likelihood
        row = line_row(line.number, line.text, line.likelihood)
        each = [{k: v for k, v in token.items() if k not in ("line", "position")} for token in token_rows(line)]
        yield {"rank": rank, **row} if show == "ranking" else row | ({"each": each} if show == "tokens" else {})
    if show != "ranking":
        yield line_row(TOTAL, "", total)


def _to_html(lines: Sequence[ScoredLine], show: str, title: str, unknown: str | None) -> Iterator[str]:
    total = sum((line.likelihood for line in lines), Likelihood())
    tables = [
        (line, screen.sums(f"line {line.number}", line.likelihood), list(map(_span, token_rows(line))))
        for line in lines
    ]
    page = {"title": title, "lines": tables, "show": show, "unknown": unknown, "full": FULL}
    return _template().generate(**page, total=None if show == "ranking" else screen.sums(TOTAL, total))


def _span(token: Row) -> Row:
    """A token of the page: the space before a word, its text, how strong its colour is, and what is said of it."""
    name, bits, piece = shown(token["token"], token["text"]), token["surprisal_bits"], token["text"]
    space = " " if piece.startswith(" ") and len(piece) > 1 else ""
    texts = {"space": space, "text": piece.removeprefix(space).replace("\n", "↵")}
    if bits is None:
        return texts | {"share": None, "note": f"{name}: only read"}
    note = (
        f"{name}: p {token['probability']:.4g}, {bits:.2f} bits, ln p {token['log_probability']:.4f}, "
        f"sum {token['running_log_probability']:.4f}, perplexity so far {token['running_perplexity']:.2f}"
    )
    return texts | {"share": min(1.0, bits / FULL), "note": note, "unknown": token["unknown"]}


def _class_row(text: ClassifiedText) -> Row:
    return {"line": text.number, "text": text.text, "words": text.words, "unknown": text.unknown}


def _by_label(text: ClassifiedText, labels: Sequence[str]) -> dict[str, float]:
    return dict(zip(labels, text.probabilities.tolist()))


def _to_csv(rows: Iterator[Row]) -> Iterator[str]:
    for k, row in enumerate(rows):
        yield ("" if k else _record(row)) + _record(row.values())


def _record(fields: Iterable[Any]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerow(fields)  # so that a field with either sign is quoted
    return buffer.getvalue().removesuffix("\r\n") + "\n"


def _to_json(objects: Iterable[Row]) -> Iterator[str]:
    for row in objects:
        yield json.dumps(_plain(row), ensure_ascii=False, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    """A value as JSON knows it: null for what is not finite."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    value = float(value) if isinstance(value, decimal.Decimal) else value
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _template() -> jinja2.Template:
    template: jinja2.Template = jinja2.Template(TEMPLATE.read_text(encoding="utf-8"), autoescape=True, trim_blocks=True)
    return template
