"""Error messages: one sentence each."""

import difflib
import re
from collections.abc import Iterable

from .secrets import masked

CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def sentence(error: BaseException) -> str:
    """An exception as one sentence for the user."""
    if isinstance(error, ValueError | OSError | ArithmeticError):  # raised with such a sentence
        return first_line(error)
    if isinstance(error, MemoryError) or "out of memory" in str(error) or "can't allocate memory" in str(error):
        return f"out of memory ({first_line(error)}): lower batch_size, truncation or the model's sizes"
    return f"{type(error).__name__}: {first_line(error)} (HYDRA_FULL_ERROR=1 shows where)"


def first_line(error: BaseException) -> str:
    """The first line of an exception's message without passwords, or its type where it has none."""
    return masked((str(error).strip() or type(error).__name__).splitlines()[0])


class ConfigError(ValueError):
    """A setting that cannot be used; the message is one sentence for the user, in one line."""

    def __init__(self, message: str):
        super().__init__(printable(message))


class MissingLibrary(ConfigError):
    """A library that an extra installs is not there; the message has the line that installs it."""


def printable(text: str) -> str:
    """Text in which control characters, line ends and signs that turn the direction of writing are escaped."""
    return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def unknown(kind: str, name: str, valid: Iterable[str]) -> str:
    """The message for an unknown name, with the nearest valid one, or all of them."""
    valid = list(dict.fromkeys(valid))
    leaves = {candidate.rpartition(".")[2]: candidate for candidate in reversed(valid)}
    near = difflib.get_close_matches(name, valid, 1, 0.6)
    near = near or [leaves[leaf] for leaf in difflib.get_close_matches(name.rpartition(".")[2], leaves, 1, 0.6)]
    hint = f"did you mean {near[0]}?" if near else f"valid are {', '.join(valid)}"
    return f"there is no {kind} {name}; {hint}"
