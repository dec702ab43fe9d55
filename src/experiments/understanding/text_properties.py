"""What a unit may follow in a text: properties that can be counted from its symbols, and need a memory.

A property is a number at every step. A unit follows it as far as its values and these numbers correlate (Pearson).
Karpathy, Johnson and Li (2015) found units of an LSTM that count the position in a line or are on inside quotes.
"""

from collections.abc import Callable, Sequence

import numpy as np

LINE_ENDS = ("\n", "<eos>")
OPENING_QUOTES, CLOSING_QUOTES = ("“", "``"), ("”", "''")
SHARE = 0.001  # of the steps in which a property has to be another than usual, or it is left out


def properties_of(symbols: Sequence[str]) -> dict[str, np.ndarray]:
    """symbols (N,) -> the properties that vary in them, each (N,) float64."""
    computed = {name: np.array(compute(symbols), float) for name, compute in PROPERTIES.items()}
    return {name: values for name, values in computed.items() if varies(values)}


def varies(values: np.ndarray) -> bool:
    """Whether a property has another value than its most frequent one often enough to be measured."""
    counts = np.unique(values, return_counts=True)[1]
    return bool(len(values) - counts.max() > max(2.0, SHARE * len(values)))


def position_in_line(symbols: Sequence[str]) -> list[float]:
    """The number of symbols since the last line end, which itself has 0."""
    return since(symbols, LINE_ENDS)


def position_in_word(symbols: Sequence[str]) -> list[float]:
    """The number of characters since the last space or line end; nothing without spaces."""
    return since(symbols, (" ", *LINE_ENDS)) if " " in symbols else [0.0] * len(symbols)


def since(symbols: Sequence[str], marks: Sequence[str]) -> list[float]:
    found, count = [], 0
    for symbol in symbols:
        count = 0 if symbol in marks else count + 1
        found.append(float(count))
    return found if any(mark in symbols for mark in marks) else [0.0] * len(symbols)


def inside_quotes(symbols: Sequence[str]) -> list[float]:
    """1 from an opening double quote to the symbol before the closing one, else 0."""
    found, is_open = [], False
    for symbol in symbols:
        if symbol == '"':
            is_open = not is_open
        elif symbol in OPENING_QUOTES or symbol in CLOSING_QUOTES:
            is_open = symbol in OPENING_QUOTES
        found.append(float(is_open))
    return found


def inside_brackets(symbols: Sequence[str]) -> list[float]:
    """1 from an opening bracket to the symbol before its closing one, else 0."""
    found, depth = [], 0
    for symbol in symbols:
        depth = max(0, depth + (symbol in "([{") - (symbol in ")]}"))
        found.append(float(depth > 0))
    return found


def in_line_with_colon(symbols: Sequence[str]) -> list[float]:
    """1 in a line that ends with a colon, like the name of a speaker in a play, else 0."""
    found = np.zeros(len(symbols))
    first = 0
    for k, symbol in enumerate(symbols):
        if symbol in LINE_ENDS:
            found[first:k] = k > first and symbols[k - 1] == ":"
            first = k + 1
    return found.tolist()


PROPERTIES: dict[str, Callable[[Sequence[str]], list[float]]] = {
    "position in the line": position_in_line,
    "position in the word": position_in_word,
    "inside quotes": inside_quotes,
    "inside brackets": inside_brackets,
    "line ends with a colon": in_line_with_colon,
}


def correlations(values: np.ndarray, properties: np.ndarray) -> np.ndarray:
    """values (N, H), properties (N, P) -> Pearson's r (P, H); 0 where one of them does not vary."""
    centred, wanted = values - values.mean(axis=0), properties - properties.mean(axis=0)
    sizes = np.outer(np.linalg.norm(wanted, axis=0), np.linalg.norm(centred, axis=0))
    r: np.ndarray = np.divide(wanted.T @ centred, sizes, out=np.zeros_like(sizes), where=sizes > 0.0)
    return r
