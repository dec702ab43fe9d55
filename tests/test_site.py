"""The documentation: every option is in the reference, links lead somewhere, the site is built without complaint."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from docs.site import api, graph, reference
from experiments.config.paths import HOME

FILES = sorted((HOME / "conf").rglob("*.yaml"))
PAGES = [*HOME.glob("*.md"), *(HOME / "docs").rglob("*.md")]
CODE = re.compile(r"^```.*?^```$|`[^`\n]+`", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)\s#]*)(?:#([^)\s]+))?\)")
FROM_ELSEWHERE = re.compile(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=[\"']?(?:https?:)?//[^ >]+")


def keys(content: dict, prefix: str = "") -> set[str]:
    """The dotted keys of a config that hold values, `_target_` and Hydra's own left out."""
    found = set()
    for key, value in content.items():
        if key.startswith("_") or key in ("defaults", "hydra"):
            continue
        found |= keys(value, f"{prefix}{key}.") if isinstance(value, dict) and value else {f"{prefix}{key}"}
    return found


def rows(page: str) -> dict[str, str]:
    """Each option of a page's tables, as it is typed, with what the table says of it."""
    lines = [line.split(" | ") for line in page.splitlines() if line.startswith("| <code>")]
    return {plain(cells[0]).partition("=")[0]: plain(cells[1]).strip(" |") for cells in lines}


def plain(cell: str) -> str:
    text = re.sub(r"</?code>|<wbr>|^\| ", "", cell)
    return re.sub(r"&#(\d+);", lambda found: chr(int(found[1])), text)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_option_of_every_file_is_in_the_reference_and_explained(path):
    group = path.parent.relative_to(HOME / "conf").as_posix()
    name, prefix = (group.replace("/", "-"), group.replace("/", ".")) if group != "." else ("root", "")
    text = path.read_text()
    is_whole = not prefix or group == "recipe" or "@package _global_" in text
    found = keys(yaml.safe_load(text), "" if is_whole else f"{prefix}.")
    expected = {key.partition(".")[0] if key.startswith("published.") else key for key in found}
    page = reference.pages()[f"{name}.md"]
    section = page if not prefix else page.split(f"\n## {path.stem}\n")[1].split("\n## ")[0]
    explained = rows(section)
    assert expected == set(explained)
    assert not [option for option, comment in explained.items() if not comment]


def test_the_reference_says_what_the_signature_allows():
    page = reference.pages()["model.md"]
    assert "| one of single, double |" in page
    assert "| a whole number or null |" in reference.pages()["root.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(HOME).as_posix())
def test_every_link_of_a_page_leads_to_a_file_and_a_heading_of_it(page):
    for link, heading in LINK.findall(CODE.sub("", page.read_text())):
        target = (page.parent / link).resolve() if link else page
        assert target.exists(), link
        if heading and target.suffix == ".md":
            assert heading in headings(target), f"{link}#{heading}"


def headings(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_picture_of_the_rooms_has_every_box_and_every_arrow_below_its_user():
    places = graph.place([("a", "b"), ("b", "c"), ("a", "c")])
    assert places["a"][1] < places["b"][1] < places["c"][1]
    drawn = graph.draw("flowchart LR\n    a --> b\n    b --> c\n    a --> c")
    assert (drawn.count("<rect"), drawn.count('class="arrow"')) == (3, 3)


def test_the_api_pages_have_all_public_names():
    pages = api.pages()
    assert "::: experiments.models.torch.network.TorchNetwork" in pages["models.md"]
    assert "::: experiments.interfaces.model.Model" in pages["interfaces.md"]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the site, built strictly."""
    if importlib.util.find_spec("mkdocstrings") is None:
        pytest.skip("the extra docs is not installed")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=HOME, env=environment, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return folder


def test_the_site_takes_nothing_from_another_host(site):
    pages = sorted(site.rglob("*.html"))
    assert {"index.html", "reference/model.html", "api/models.html", "architecture.html"} <= {
        page.relative_to(site).as_posix() for page in pages
    }
    assert not [found for page in pages for found in FROM_ELSEWHERE.findall(page.read_text())]
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(?:https?:)?//", sheet.read_text()), sheet


BROKEN = "return [...document.images].filter(image => !image.complete || !image.naturalWidth).map(image => image.src)"
TOO_WIDE = "return document.documentElement.scrollWidth - window.innerWidth"


@pytest.mark.browser
@pytest.mark.parametrize("width", [1500, 500])
def test_every_page_renders_in_a_browser_with_its_pictures_and_no_error(site, browser, width):
    browser.set_window_size(width, 950)
    wrong = {}
    for page in sorted({*site.rglob("*.html")} - {site / "404.html"}):  # which a server shows, at any address
        browser.get(page.as_uri())
        errors = [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
        errors += [f"no picture {source}" for source in browser.execute_script(BROKEN)]
        errors += ["wider than the window"] if browser.execute_script(TOO_WIDE) > 0 else []
        errors += [] if browser.find_element("tag name", "h1").text else ["no heading"]
        wrong |= {page.name: errors} if errors else {}
    assert not wrong
