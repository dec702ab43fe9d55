"""What the tab key offers: choices and options, and nothing else that Hydra could find."""

from collections.abc import Sequence

from .catalog import KINDS, SECTIONS, files, options
from .paths import HOME

FLAG = ("--shell-completion", "-sc")


def queried(arguments: Sequence[str]) -> str | None:
    """The shell that asks for completions of COMP_LINE, as the scripts that `-sc install=SHELL` prints do."""
    asks = any(argument in FLAG for argument in arguments)
    return next((a.partition("=")[2] for a in arguments if asks and a.startswith("query=")), None)


def completions(line: str) -> list[str]:
    """How the last word of a command line may continue.

    Without `=`: kinds of choices, root keys, and after a dot the options of what the line chooses; after KIND= its
    choices.
    """
    *before, word = ["", *line.split(" ")]
    key, sign, _ = word.partition("=")
    if sign:
        names = [path.stem for path in files(key)] if key in KINDS else []
        return [f"{key}={name}" for name in names if f"{key}={name}".startswith(word)]
    section = key.partition(".")[0] if "." in key else ""
    chosen = choices_of(before)
    offered = [
        f"{option.key}="
        for option in options()
        if option.key.startswith(f"{section}." if section else "")
        and (option.choice in ("", chosen.get(section)) or section == "hydra")
    ]
    sections = [] if section else [f"{kind}=" for kind in KINDS] + [f"{kind}." for kind in SECTIONS if word]
    found = dict.fromkeys((*sections, *offered))
    return sorted(offer for offer in found if offer.startswith(word) and ("." not in offer[:-1] or section))


def choices_of(words: Sequence[str]) -> dict[str, str]:
    """What a command line chooses, by kind; the defaults of conf/config.yaml where it chooses nothing."""
    typed = {kind: name for kind, _, name in (word.partition("=") for word in words) if kind in KINDS and name}
    return defaults() | typed


def defaults() -> dict[str, str]:
    """The choices of the defaults list in conf/config.yaml."""
    text = (HOME / "conf" / "config.yaml").read_text(encoding="utf-8")
    pairs = (line.strip().removeprefix("- ").split("#")[0].partition(":") for line in text.splitlines())
    return {kind: name.strip() for kind, _, name in pairs if kind in SECTIONS and name.strip()}
