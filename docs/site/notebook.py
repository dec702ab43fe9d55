"""A notebook as a page: its text, its code, and what it printed and drew when it was executed."""

import json
from typing import Any


def page(text: str, title: str) -> str:
    """The JSON of a notebook -> Markdown."""
    cells = json.loads(text)["cells"]
    parts = [f"`{title}`"] + [part for cell in cells for part in markdown_of(cell)]
    return "\n\n".join(parts) + "\n"


def markdown_of(cell: dict[str, Any]) -> list[str]:
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        return [source]
    return [f"```python\n{source}\n```", *filter(None, map(output, cell["outputs"]))]


def output(found: dict[str, Any]) -> str:
    """A picture where there is one, else text."""
    data = found.get("data", {})
    if "image/png" in data:
        return f"![what the code above draws](data:image/png;base64,{data['image/png'].strip()})"
    text = "".join(found.get("text") or data.get("text/plain", ""))
    return f"```text\n{text.rstrip()}\n```" if text.strip() else ""
