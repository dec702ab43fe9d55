"""Words of a command line that are no KEY=VALUE, and choices that are no names: what to type instead."""

import os
import re
from collections.abc import Sequence

from .catalog import KINDS, files, options
from .errors import ConfigError
from .quoting import in_shell
from .suggestions import key_for, near_values

TEXTS = (".txt", ".csv", ".tsv", ".json", ".jsonl", ".gz", ".parquet", ".text", ".md")


def check_words(overrides: Sequence[str]) -> None:
    """ConfigError for a word without `=`, spaces around it, and a path in the place of a choice's name."""
    for k, override in enumerate(overrides):
        key, sign, value = override.partition("=")
        before, after = (overrides[k - 1] if k else ""), (overrides[k + 1] if k + 1 < len(overrides) else "")
        if sign and key and not value and after and "=" not in after:
            raise ConfigError(f"{override} {after} is two words to the shell: type {key}={after} without a space")
        if not sign and after.startswith("="):
            line = f"{override}={after[1:] or (overrides[k + 2] if k + 2 < len(overrides) else 'VALUE')}"
            raise ConfigError(f"{override} {after} is more than one word to the shell: type {line} without spaces")
        if not key:
            raise ConfigError(f"{override} has no key: type KEY=VALUE, as in epochs{override}")
        if not sign and not override.startswith("~"):
            raise ConfigError(_without_sign(override, before, after))
        if key == "data" and looks_like_path(value):
            line = in_path(value)
            raise ConfigError(f"data={value} is no kind of data: type {line}, or data=words for words")


def typed_as(name: str, value: str) -> str:
    """An option under another library's name and its value, as they are typed here."""
    key = key_for(name)
    if "=" in key:
        return key
    if key in KINDS:
        names = [path.stem for path in files(key)]
        value = next(iter(near_values(key, value, names)), value) if value not in names else value
    return f"{key}={value}"


def in_path(value: str) -> str:
    """The line that reads a file as characters."""
    path = f"data.path={value}"
    return f"data=characters {path if path.isascii() and ' ' not in path else in_shell(path)}"


def looks_like_path(value: str) -> bool:
    """Whether this is a file rather than the name of a choice."""
    return "/" in value or value.lower().endswith(TEXTS) or (bool(value) and os.path.isfile(value))


def _without_sign(word: str, before: str, after: str) -> str:
    if key_for(word) != word or word in {option.key for option in options()}:
        value = after if after and "=" not in after else "VALUE"
        return f"{word} is no KEY=VALUE: type {typed_as(word, value)}"
    for kind in KINDS:
        if near := [name for name in near_values(kind, word, [path.stem for path in files(kind)]) if word in name]:
            return f"{word} is no KEY=VALUE: type {kind}={near[0]}"
    if re.fullmatch(r"[\w.]+:\S+", word):
        return f"{word} is no KEY=VALUE: type {word.replace(':', '=', 1)}"
    if looks_like_path(word) and not word.endswith(".py"):
        return f"{word} is no KEY=VALUE: type {in_path(word)}"
    if "=" in before:
        return f"{word} is no KEY=VALUE: text with spaces is quoted, as in {in_shell(f'{before} {word}')}"
    return f"{word} is no KEY=VALUE: options are typed as in epochs=3 (experiments --help lists them)"
