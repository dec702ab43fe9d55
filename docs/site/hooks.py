"""What mkdocs builds beside the pages of docs/: README and others, the references, and the files that pages link to.

Links are written for GitHub, relative to the file that they stand in; here each is led to the page of the same thing.
"""

import posixpath
import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

HOME = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(HOME))

from docs.site import api, graph, notebook, reference  # noqa: E402

OUTSIDE = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
LINK = re.compile(r"(?<=\]\()(?!https?:|mailto:|#)([^)\s#]+)(#[^)\s]*)?(?=\))")
MERMAID = re.compile(r"^```mermaid\n(.*?)^```$", re.DOTALL | re.MULTILINE)
BLOCKS = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)
LANGUAGES = {".py": "python", ".yaml": "yaml", ".md": "markdown"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are no files of docs/."""
    texts = {page: (HOME / name).read_text(encoding="utf-8") for name, page in OUTSIDE.items()}
    texts |= {f"reference/{path}": text for path, text in reference.pages().items()}
    texts |= {f"api/{path}": text for path, text in api.pages().items()}
    for path in linked_files(files):
        texts[source_page(path)] = source_text(path)
    for path, text in texts.items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Links led to pages of the site; the picture of the rooms drawn."""
    uri = page.file.src_uri
    if uri.startswith(("reference/", "api/", "source/")):
        return markdown
    drawn = MERMAID.sub(lambda block: f'\n<div class="scroll">{graph.draw(block[1])}</div>\n', markdown)
    parts = BLOCKS.split(drawn)  # every second one is a block of code
    return "".join(part if k % 2 else LINK.sub(lambda link: led(link, uri), part) for k, part in enumerate(parts))


def led(link: re.Match[str], uri: str) -> str:
    """A link of the page `uri` as the site needs it."""
    return posixpath.relpath(target(repository_path(link[1], uri)), posixpath.dirname(uri) or ".") + (link[2] or "")


def repository_path(link: str, uri: str) -> str:
    """What a link names, as a path below the repository's root."""
    written_in = {page: name for name, page in OUTSIDE.items()}.get(uri, f"docs/{uri}")
    return posixpath.normpath(posixpath.join(posixpath.dirname(written_in), link))


def target(path: str) -> str:
    """The page of the site for a path of the repository."""
    if path in OUTSIDE:
        return OUTSIDE[path]
    if path.startswith("docs/") and not (HOME / path).is_dir() and not path.endswith(".py"):
        return path.removeprefix("docs/")
    options = re.fullmatch(r"(sweeps|conf(?:/(?P<kind>.*?))?)(?:/(?P<name>\w+)\.yaml)?", path)
    if options:
        kind = "sweeps" if options[1].startswith("sweeps") else (options["kind"] or "").replace("/", "-")
        return f"reference/{kind or 'index'}.md"
    return source_page(path)


def source_page(path: str) -> str:
    return f"source/{path}.md"


def linked_files(files: Files) -> list[str]:
    """Files and folders of the repository that pages link to and that have no page otherwise."""
    found = set()
    written = {page: HOME / name for name, page in OUTSIDE.items()}
    written |= {file.src_uri: Path(str(file.abs_src_path)) for file in files.documentation_pages()}
    for uri, path in written.items():
        for part in BLOCKS.split(path.read_text(encoding="utf-8"))[::2]:
            found |= {repository_path(link[1], uri) for link in LINK.finditer(part)}
    return sorted(path for path in found if target(path) == source_page(path) and (HOME / path).exists())


def source_text(path: str) -> str:
    """A file as a page, or every Python file of a folder."""
    whole = HOME / path
    if whole.suffix == ".ipynb":
        return notebook.page(whole.read_text(encoding="utf-8"), path)
    parts = [f"# {path}"]
    for file in sorted(whole.glob("*.py")) if whole.is_dir() else [whole]:
        parts += [f"## {file.name}"] if whole.is_dir() else []
        parts.append(f"````{LANGUAGES.get(file.suffix, 'text')}\n{file.read_text(encoding='utf-8')}````")
    return "\n\n".join(parts) + "\n"
