"""Error messages: one sentence each."""

import re
from collections.abc import Iterable

from .secrets import masked
from .suggestions import MAX_SUGGESTIONS, either, near_keys, near_values

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
    """The message for an unknown name, with the nearest valid ones, or how to find them."""
    valid = list(dict.fromkeys(valid))
    if kind == "key":
        near = near_keys(name, valid)
        hint = f"did you mean {either(near)}?" if near else "experiments --help lists them, --help WORD finds one"
        return f"there is no key {name}; {hint}"
    if near := near_values(kind, name, valid):
        return f"there is no {kind} {name}; did you mean {either(near)}?"
    more = len(valid) - MAX_SUGGESTIONS
    others = f" and {more} more (experiments --help {kind} lists them)" if more > 0 else ""
    return f"there is no {kind} {name}; valid are {', '.join(valid[:MAX_SUGGESTIONS])}{others}"
