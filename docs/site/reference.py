"""The reference of every option, from the YAML files of conf/ and the constructors' signatures.

`pages()` has one page of Markdown for each kind of choice, and one for the root keys. A test holds that every option
has a comment.
"""

import functools
import html
import itertools
import typing
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from experiments.config.binding import locate
from experiments.config.catalog import KINDS
from experiments.config.errors import ConfigError
from experiments.config.help import LAUNCHER
from experiments.config.paths import HOME
from experiments.config.settings import Settings
from experiments.config.signature import describe

CONF = HOME / "conf"
GROUPS = [kind for kind in KINDS if kind not in ("recipe", "sweeps")] + ["hydra/sweeper", LAUNCHER]
NO_OPTIONS = ("_target_", "defaults", "hydra")  # of a file: what is no option of its own
MARKDOWN = str.maketrans({sign: f"&#{ord(sign)};" for sign in "|*_[]`\\~$^{}"})
ROOT = "root"


class Option(NamedTuple):
    """One key of a YAML file."""

    key: str  # dotted, as it is typed
    value: str  # as the file writes it
    comment: str  # with its unit


@functools.cache
def pages() -> dict[str, str]:
    """The Markdown of each page of the reference, by its path below reference/."""
    texts = {f"{ROOT}.md": root_page(), "recipe.md": recipe_page(), "sweeps.md": sweeps_page()}
    texts |= {f"{group.replace('/', '-')}.md": group_page(group) for group in GROUPS}
    return {"index.md": index_page(), **texts}


def files(group: str) -> list[Path]:
    """The YAML files of a group, parts of others (their names begin with _) first."""
    return sorted((CONF / group).glob("*.yaml"), key=lambda path: (not path.stem.startswith("_"), path.stem))


def options_of(path: Path) -> list[Option]:
    """The keys of a YAML file that hold values, each with the comment behind it or, without one, above it."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    found: list[Option] = []

    def visit(mapping: yaml.MappingNode, prefix: str) -> None:
        for key, value in mapping.value:
            if key.value.startswith("_") or (not prefix and key.value in NO_OPTIONS):
                continue
            if isinstance(value, yaml.MappingNode) and value.value:
                if key.value == "published":  # what a recipe claims: nothing that one would type
                    found.append(Option(key.value, "{...}", ""))
                    continue
                visit(value, f"{prefix}{key.value}.")
                continue
            written = text[value.start_mark.index : value.end_mark.index].strip()
            comment = lines[value.end_mark.line][value.end_mark.column :].partition("#")[2].strip()
            above = key.start_mark.line - 1
            while not comment and above >= 0 and lines[above].lstrip().startswith("#"):
                comment, above = lines[above].lstrip("# "), above - 1
            found.append(Option(f"{prefix}{key.value}", written, comment))

    visit(typing.cast(yaml.MappingNode, yaml.compose(text)), "")
    return found


def own_options(path: Path, group: str) -> tuple[list[Option], list[Option]]:
    """What a file of a choice says of its own options, and what it sets of others' (root keys)."""
    found, prefix = options_of(path), f"{group}."
    if "@package _global_" not in path.read_text(encoding="utf-8"):
        return [option._replace(key=f"{typed_prefix(group)}.{option.key}") for option in found], []
    return [o for o in found if o.key.startswith(prefix)], [o for o in found if not o.key.startswith(prefix)]


def typed_prefix(group: str) -> str:
    return group.replace("/", ".")


def annotations(target: str) -> dict[str, Any]:
    """The types that a constructor takes; none where its library is not installed (an extra)."""
    try:
        found = locate(target, "reference")
        return typing.get_type_hints(found.__init__ if isinstance(found, type) else found)
    except (ConfigError, NameError):
        return {}


def target_of(path: Path, group: str) -> str:
    """The `_target_` of a choice; of a part of other files, that of the first which includes it."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    stated = content.get(group, content).get("_target_")
    if stated is not None:
        return str(stated)
    users = [other for other in files(group) if includes(other, path)]
    return target_of(users[0], group)


def included(path: Path) -> list[Path]:
    """The files beside it that a YAML file's defaults list includes."""
    names = yaml.safe_load(path.read_text(encoding="utf-8")).get("defaults", ())
    return [path.with_name(f"{name}.yaml") for name in names if isinstance(name, str) and name != "_self_"]


def includes(path: Path, part: Path) -> bool:
    return part in included(path)


@functools.cache
def comments() -> dict[str, str]:
    """The comment of every option of conf/, by its key; of one that several choices have, that of the first."""
    found: dict[str, str] = {}
    for options in (own_options(path, group)[0] for group in GROUPS for path in files(group)):
        for option in options:
            found.setdefault(option.key, option.comment)
    return found | {option.key: option.comment for option in options_of(CONF / "config.yaml")}


def explained(options: list[Option]) -> list[Option]:
    """Options that a file sets and others define, with their own comment or that of the definition."""
    known = comments()
    return [option._replace(comment=option.comment or known.get(option.key, "")) for option in options]


def cell(text: str) -> str:
    """Plain text in a table of Markdown."""
    return html.escape(text, quote=False).translate(MARKDOWN)


def table(options: list[Option], types: dict[str, Any] | None = None) -> str:
    """Rows of `key=default`, what it is and, where there is a signature, what is allowed."""
    heads = ["option, default", "what it is"] + (["allowed"] if types else [])
    rows = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for option in options:
        typed = f"{cell(option.key)}={cell(option.value)}"
        for sign in (".", cell("_"), "/", ","):
            typed = typed.replace(sign, f"{sign}<wbr>")  # where a narrow window may break it
        cells = [f"<code>{typed}</code>".replace("=", "<wbr>=", 1), cell(option.comment)]
        name = option.key.rpartition(".")[2]
        cells += [cell(describe(types[name])) if name in types else ""] if types else []
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def head(path: Path) -> list[str]:
    """The lines of the comment at the top of a YAML file, Hydra's `# @package` left out."""
    lines = itertools.takewhile(lambda line: line.startswith("#"), path.read_text(encoding="utf-8").splitlines())
    return [line[2:] for line in lines if "@package" not in line]


def as_code(lines: list[str]) -> str:
    return "\n".join(["```text", *lines, "```"])


def index_page() -> str:
    names = {ROOT: "Root keys"} | {group.replace("/", "-"): group for group in (*GROUPS, "recipe", "sweeps")}
    rows = []
    for page, name in names.items():
        paths = sorted((HOME / "sweeps").glob("*.yaml")) if name == "sweeps" else files(name)
        choices = [f"[{path.stem}]({page}.md#{path.stem})" for path in paths if path.stem[0] != "_"]
        rows.append(f"| [{name}]({page}.md) | {', '.join(choices)} |")
    return (
        "# Every option\n\nMade from the comments of the YAML files in `conf/` and the constructors' signatures, "
        "which are the schema:\nwhat is typed is checked against them. `experiments --help` lists the same on the "
        "screen.\n\n| kind | choices |\n|---|---|\n" + "\n".join(rows) + "\n"
    )


def root_page() -> str:
    types = typing.get_type_hints(Settings)
    return f"# Root keys\n\n`experiments KEY=VALUE`\n\n{table(options_of(CONF / 'config.yaml'), types)}\n"


def group_page(group: str) -> str:
    """A page with a section for each choice."""
    parts = [f"# {group}\n\n`experiments {group}=NAME {typed_prefix(group)}.OPTION=VALUE`"]
    for path in files(group):
        own, others = own_options(path, group)
        sentence, *rest = head(path)
        parts += [f"## {path.stem}", cell(sentence)] + ([as_code(rest)] if rest else [])
        more = [f"[{part.stem}](#{part.stem})" for part in included(path)]
        parts += [f"With every option of {' and '.join(more)}."] if more else []
        parts += [table(own, annotations(target_of(path, group)))] if own else []
        parts += ["Sets root keys, too, where they are not typed:", table(explained(others))] if others else []
    return "\n\n".join(parts) + "\n"


def recipe_page() -> str:
    parts = ["# Recipes\n\n`experiments recipe=NAME`; typed options have precedence."]
    for path in files("recipe"):
        chosen = yaml.safe_load(path.read_text(encoding="utf-8")).get("defaults", ())
        names = [f"{key.split('/')[-1]}={name}" for entry in chosen for key, name in entry.items()]
        parts += [f"## {path.stem}", as_code(head(path)), f"Chooses `{' '.join(names)}` and sets"]
        parts += [table(explained(options_of(path)))]
    return "\n\n".join(parts) + "\n"


def sweeps_page() -> str:
    parts = ["# Sweeps\n\n`experiments sweeps=NAME`; typed options have precedence. The files as they are:"]
    for path in sorted((HOME / "sweeps").glob("*.yaml")):
        parts += [f"## {path.stem}", f"```yaml\n{path.read_text(encoding='utf-8')}```"]
    return "\n\n".join(parts) + "\n"
