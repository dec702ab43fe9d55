"""What `experiments --help` prints: the choices and options in conf/, and those that a word finds."""

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .arguments import WITH_VALUE
from .catalog import KINDS, Option, files, first_comment, options
from .errors import ConfigError, unknown
from .keys import in_yaml
from .suggestions import MAX_SUGGESTIONS, key_for, leaf, near_keys

LAUNCHER = "hydra/launcher"  # where the jobs of a sweep run
BOLD, CYAN = "1", "36"
HELP = ("--help", "-h")


def choices() -> str:
    """Each kind's choices with the first line of their YAML files."""
    lines = []
    for kind in (*KINDS, LAUNCHER):
        lines.append(coloured(f"{kind}=", BOLD))
        lines += [f"  {coloured(f'{path.stem:<20}', CYAN)} {first_comment(path)}" for path in files(kind)]
    return "\n".join(lines)


def chosen_options(config: Mapping[str, Any], chosen: Mapping[str, Any]) -> str:
    """The options of a composed config, each with the comment of its YAML file."""
    comments = {(option.key, option.choice): option.comment for option in options()}
    lines = []
    for key, value in config.items():
        if not isinstance(value, Mapping):
            lines.append(commented(f"{key}={as_typed(value)}", comments.get((key, ""), "")))
            continue
        choice = str(chosen.get(key))
        lines.append(coloured(f"{key}={choice}", BOLD))
        for name, inner in value.items():
            if name != "_target_":
                comment = comments.get((f"{key}.{name}", choice), "")
                lines.append(commented(f"  {key}.{name}={as_typed(inner)}", comment))
    return "\n".join(lines)


def asked(arguments: Sequence[str]) -> str | None:
    """The word of `--help WORD`, `--help=WORD` or `WORD --help`; None if no word is asked for."""
    if not any(argument.partition("=")[0] in HELP for argument in arguments):
        return None
    pairs = zip(("", *arguments), arguments)  # each after the one before it, whose value it may be
    words = [word.removeprefix("--help=") for before, word in pairs if word not in HELP and before not in WITH_VALUE]
    return next((word for word in words if "=" not in word and not word.startswith("-") and word), None)


def found_by(word: str) -> str:
    """The choices and options that a word finds, by name, by another library's name or in their descriptions.

    ConfigError if it finds nothing.
    """
    word = key_for(word).partition("=")[0]
    known = options()
    same = [option for option in known if word in (option.key, leaf(option.key))]
    kinds = [kind for kind in (*KINDS, LAUNCHER) if word in (kind, f"{kind}=")]
    if kinds:
        named, found = [(kinds[0], path) for path in files(kinds[0])], []
    elif same:
        named, found = [], same
    else:
        named = [
            (kind, path) for kind in KINDS for path in files(kind) if mentions(word, path.stem, first_comment(path))
        ]
        found = [option for option in known if mentions(word, option.key, option.comment)]
        exact = [path.stem for _, path in named if path.stem == word]
        found = [option for option in known if option.choice in exact] if exact else found
        named = [pair for pair in named if pair[1].stem in exact] if exact else named
    lines = [f"{coloured(f'{kind}={path.stem}', CYAN)}  {first_comment(path)}" for kind, path in named]
    if not lines and not found:
        raise ConfigError(f"no choice and no option is about {word!r}; experiments --help lists them all")
    return "\n".join([*lines, *described(found)])


def mentions(word: str, name: str, comment: str) -> bool:
    """Whether a word is a part of a name, or begins a word of a comment."""
    lowered = f" {comment.lower()}"
    return word.lower() in name.lower() or f" {word.lower().replace('_', ' ')}" in lowered


def described(found: Sequence[Option]) -> list[str]:
    """Each option with default, comment and the choices that have it in this form."""
    forms: dict[tuple[str, str, str], list[str]] = {}
    for option in found:
        forms.setdefault(option[:3], []).append(option.choice)
    lines = []
    for (key, default, comment), names in forms.items():
        lines.append(commented(f"{key}={default}", comment))
        kind = key.partition(".")[0]
        if key == kind and kind in KINDS:
            continue
        if any(names) and kind in KINDS:
            lines.append(f"    with {kind}={'|'.join(names)}")
    return lines


def as_typed(value: Any) -> str:
    """A value as it is typed."""
    if isinstance(value, list | tuple):
        return f"[{','.join(map(as_typed, value))}]"
    return in_yaml(value)


def commented(text: str, comment: str) -> str:
    """An option and its comment, in columns."""
    return f"{text:<36} # {comment}" if comment else text


def unknown_key(key: str, valid: Iterable[str]) -> str:
    """The message for an unknown key of the config, with the choices that have this option or the nearest valid key.

    The choice with the most options of the chosen one is first.
    """
    valid = list(valid)
    near = near_keys(key, valid)
    where = None if near and leaf(near[0]) == leaf(key) else having(key, valid)
    where = where or (None if near else having(key_for(key), valid))
    if where is None:
        return unknown("key", key, valid)
    kind, option, names = where
    shown = f"{', '.join(names[:MAX_SUGGESTIONS])}{', ...' if len(names) > MAX_SUGGESTIONS else ''}"
    line = f"type {kind}={names[0]} {kind}.{option}=..."
    if key == f"{kind}.{option}":
        return f"{key} is no option of the chosen {kind} but of {shown}: {line}"
    return f"there is no key {key}; {kind}.{option} is an option of {shown}: {line}"


def having(key: str, valid: Sequence[str]) -> tuple[str, str, list[str]] | None:
    """The kind, the option and the choices that have a key, or a root key's name as an option; None if none has."""
    section, _, option = key.rpartition(".")
    known = [known for known in options() if known.choice and not known.key.startswith("hydra")]
    matching = [found for found in known if leaf(found.key) == option and section in ("", found.key.partition(".")[0])]
    if not matching:
        return None
    kind = matching[0].key.partition(".")[0]
    names = [found.choice for found in matching if found.key.startswith(f"{kind}.")]
    shared = {
        name: sum(k.choice == name and k.key in valid for k in known if k.key.startswith(f"{kind}.")) for name in names
    }
    return kind, option, sorted(names, key=lambda name: -shared[name])


def coloured(text: str, code: str) -> str:
    """Text in a colour on a terminal, unless NO_COLOR is set (see no-color.org); plain elsewhere."""
    wanted = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return f"\x1b[{code}m{text}\x1b[0m" if wanted else text
