"""Every command and every piece of Python of the tutorial and of docs/from-the-books.md prints what the page quotes.

A page's fenced blocks are `python` (together one program), `sh` (commands) and `text`. A `text` block right
after one of the others quotes lines of its output, or their beginnings; one after prose is a formula. A comment
before a block may say `slow` (trains for seconds: `make test-slow`), `ptb` (needs the Penn Treebank) and, before
a quotation, `within 5%` (how far its numbers may be off on another machine; else they are exact).
"""

import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from experiments.config.paths import HOME

DOCS = HOME / "docs"
TUTORIAL = sorted((DOCS / "tutorial").glob("*.md"))
BOOKS, BOOKS_IN_KOREAN = DOCS / "from-the-books.md", DOCS / "from-the-books.ko.md"
PAGES = [*TUTORIAL, BOOKS]
HEADING = re.compile(r"^##+ (.*)$", re.MULTILINE)
DURATIONS = ("slow", "long")
BLOCK = re.compile(r"(?:<!-- (?P<notes>.*?) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
LEAST_ACCURACY = {  # on the test split, of recipes that are trained for the pages alone, and not in test_recipes.py
    "experiments recipe=textbook_imdb_onehot": 0.62,
    "experiments recipe=textbook_imdb_embedding": 0.78,
}
NUMBER = re.compile(r"[-+]?(?:\d[\d,]*)(?:\.\d+)?(?:e[-+]?\d+)?")


class Piece(NamedTuple):
    """A block that runs, and the lines that it has to print."""

    section: str  # the heading above it
    language: str
    text: str
    notes: str
    quoted: list[str]
    tolerance: float  # relative


def pieces(page: Path) -> list[Piece]:
    """The blocks of a page that run, in order, each with the quotation that follows it."""
    found: list[Piece] = []
    content, end = page.read_text(), 0
    for block in BLOCK.finditer(content):
        notes = block["notes"] or ""
        if block["language"] != "text":
            section = ["", *HEADING.findall(content, 0, block.start())][-1]
            found.append(Piece(section, block["language"], block["text"], notes, [], 0.0))
        elif found and not content[end : block.start()].strip():
            within = re.search(r"within (\S+)%", notes)
            tolerance = float(within[1]) / 100 if within else 0.0
            found[-1] = found[-1]._replace(quoted=block["text"].splitlines(), tolerance=tolerance)
        end = block.end()
    return found


def words(piece: Piece) -> set[str]:
    """What the comment before a block says of it."""
    return set(re.findall(r"\w+", piece.notes))


def duration(piece: Piece) -> str:
    """How long a block takes: "slow", "long", or "" for seconds."""
    return next((word for word in DURATIONS if word in words(piece)), "")


def fast_commands() -> list[object]:
    """The fast commands of each page of the tutorial and of each section of the books."""
    groups: dict[tuple[str, str], list[Piece]] = {}
    for page in PAGES:
        for piece in pieces(page):
            if piece.language == "sh" and not duration(piece):
                section = piece.section if page == BOOKS else ""
                groups.setdefault((page.stem, section), []).append(piece)
    return [pytest.param(group, id=f"{page}: {group[0].section}") for (page, _), group in groups.items()]


def longer_blocks() -> list[list[Piece]]:
    """The longer blocks, each with those of other pages that have the same text."""
    groups: dict[str, list[Piece]] = {}
    for page in PAGES:
        for piece in pieces(page):
            if piece.language == "sh" and duration(piece):
                groups.setdefault(piece.text, []).append(piece)
    return list(groups.values())


def marked(blocks: list[Piece]) -> object:
    """They as a parameter of a test that is as slow as they are."""
    return pytest.param(blocks, marks=getattr(pytest.mark, duration(blocks[0])), id=blocks[0].section)


def normalised(line: str) -> tuple[str, list[float]]:
    """A line without its numbers, the widths between its words and the mark of a best row; and the numbers."""
    line = line.removeprefix("*")
    numbers = [float(number.replace(",", "")) for number in NUMBER.findall(line)]
    return " ".join(NUMBER.sub("#", line).split()), numbers


def is_quoted(line: str, out: str, tolerance: float) -> bool:
    """Whether some line of `out` begins like this one, with numbers as large."""
    words, numbers = normalised(line)
    for printed in out.splitlines():
        other, others = normalised(printed)
        if other.startswith(words) and numbers == pytest.approx(others[: len(numbers)], rel=tolerance, abs=0):
            return True
    return False


def check(piece: Piece, out: str) -> None:
    missing = [line for line in piece.quoted if line.strip() and not is_quoted(line, out, piece.tolerance)]
    assert not missing, f"not printed: {missing}\nby: {piece.text}\nprinted:\n{out}"


@pytest.fixture
def shell(command, tmp_path, store, monkeypatch):  # noqa: ARG001 - a store that exists need not be made
    """Run one line of a page: `experiments` in this process, `python FILE` with the file of this repository."""

    def run(line: str) -> str:
        first, *rest = shlex.split(line)
        if first == "experiments":
            outcome = command(*rest)
            assert outcome.code == 0, f"{line}\n{outcome.error}"
            return outcome.out + outcome.error
        if first == "python" and rest[0].endswith(".py"):
            line = shlex.join([sys.executable, str(HOME / rest[0]), *rest[1:]])
        done = subprocess.run(line, shell=True, cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout

    return run


@pytest.fixture
def printed_by(shell, request, shared_folder, monkeypatch):
    """Run the commands of a block; what they print."""

    def run(piece: Piece) -> str:
        if {"ptb", "imdb"} & words(piece):
            request.getfixturevalue("real_data")
            monkeypatch.setenv("EXPERIMENTS_CACHE", str(shared_folder / "prepared"))
        lines = piece.text.replace("\\\n", " ").splitlines()
        return "\n".join(shell(line) for line in lines if line.strip())

    return run


@pytest.mark.all_files
@pytest.mark.parametrize("group", fast_commands())
def test_the_commands_of_a_page_print_what_it_quotes(group, printed_by):
    for piece in group:
        check(piece, printed_by(piece))


@pytest.mark.all_files
@pytest.mark.parametrize("blocks", map(marked, longer_blocks()))
def test_a_longer_command_prints_what_every_page_quotes(blocks, printed_by):
    out = printed_by(blocks[0])
    for piece in blocks:
        check(piece, out)
    least = LEAST_ACCURACY.get(blocks[0].text.splitlines()[0], 0.0)
    assert not least or float(re.search(r"^test .* accuracy (\S+)%", out, re.MULTILINE)[1]) / 100 >= least


def test_the_recipes_that_are_trained_for_the_pages_alone_stand_on_one():
    assert LEAST_ACCURACY.keys() <= {blocks[0].text.splitlines()[0] for blocks in longer_blocks()}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_python_of_a_page_is_a_program_that_prints_what_it_quotes(page, capsys):
    names: dict[str, object] = {}
    for piece in pieces(page):
        if piece.language == "python":
            exec(piece.text, names)
            check(piece, capsys.readouterr().out)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_has_a_language_and_every_link_a_file(page):
    content = page.read_text()
    assert {block["language"] for block in BLOCK.finditer(content)} <= {"python", "sh", "text"}
    targets = [target for target in re.findall(r"\]\(([^)#]+)", content) if "://" not in target]
    assert not [target for target in targets if not (page.parent / target).exists()]


def test_the_korean_page_has_the_same_blocks():
    english, korean = ([block[0] for block in BLOCK.finditer(page.read_text())] for page in (BOOKS, BOOKS_IN_KOREAN))
    assert english == korean


def test_a_wrong_number_or_line_would_be_noticed():
    out = "best   loss 0.0118 perplexity 1.01  (train)\nother"
    assert is_quoted("best loss 0.0118 perplexity 1.01", out, 0.0)
    assert is_quoted("best loss 0.012", out, 0.05)
    assert not is_quoted("best loss 0.0119", out, 0.0)
    assert not is_quoted("best loss 0.02", out, 0.05)
    assert not is_quoted("best accuracy", out, 0.05)


@pytest.mark.parametrize("script", ["windows", "step", "lstm", "vanishing"])
def test_every_drawing_is_drawn_by_its_script(script, tmp_path, monkeypatch):
    path = DOCS / "drawings" / f"{script}.py"
    monkeypatch.syspath_prepend(str(path.parent))  # as for a script that is started
    monkeypatch.setattr(sys, "argv", [str(path), str(tmp_path)])
    runpy.run_path(str(path), run_name="__main__")
    kept = DOCS / "windows.png" if script == "windows" else DOCS / "tutorial" / f"{script}.png"
    assert png_size(tmp_path / kept.name) == png_size(kept)


def png_size(path: Path) -> bytes:
    """Width and height in the header of a PNG file."""
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG")
    return content[16:24]
