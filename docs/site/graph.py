"""The house's picture: a flowchart of Mermaid's as SVG, so that the site needs no script of another host."""

import html
import re

WIDTH, HEIGHT, GAP_X, GAP_Y = 118, 30, 40, 38  # of a box, and between boxes


def draw(mermaid: str) -> str:
    """The lines `A --> B` as boxes in rows: each is below all that import it."""
    arrows = re.findall(r"(\w+) --> (\w+)", mermaid)
    places = place(arrows)
    width = 1 + max(x for x, _ in places.values()) + WIDTH
    height = 1 + max(y for _, y in places.values()) + HEIGHT
    lines = [arrow(places[first], places[second]) for first, second in arrows]
    boxes = [box(name, *places[name]) for name in places]
    return (
        f'<svg class="house" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="which room imports which">'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0L8 4L0 8z"/></marker></defs>{"".join(lines)}{"".join(boxes)}</svg>'
    )


def place(arrows: list[tuple[str, str]]) -> dict[str, tuple[float, float]]:
    """The upper left corner of each box; in a row boxes are ordered by the mean place of what points to them."""
    names = list(dict.fromkeys(name for pair in arrows for name in pair))
    depth = dict.fromkeys(names, 0)
    for _ in names:  # the longest path has fewer arrows than there are names
        for first, second in arrows:
            depth[second] = max(depth[second], depth[first] + 1)
    rows = [[name for name in names if depth[name] == row] for row in range(1 + max(depth.values()))]
    widest = max(map(len, rows))
    across: dict[str, float] = {}
    for row in rows:
        users = {name: [across[a] for a, b in arrows if b == name] for name in row}
        row.sort(key=lambda name: sum(users[name]) / max(len(users[name]), 1))
        across |= {name: (widest - len(row)) / 2 + column for column, name in enumerate(row)}
    return {name: (1 + across[name] * (WIDTH + GAP_X), 1 + depth[name] * (HEIGHT + GAP_Y)) for name in names}


def box(name: str, x: float, y: float) -> str:
    text = f'<text x="{x + WIDTH / 2:g}" y="{y + HEIGHT / 2 + 4:g}">{html.escape(name)}</text>'
    return f'<rect x="{x:g}" y="{y:g}" width="{WIDTH}" height="{HEIGHT}" rx="4"/>{text}'


def arrow(start: tuple[float, float], end: tuple[float, float]) -> str:
    """A curve from the lower side of one box to the upper side of another."""
    x1, y1, x2, y2 = start[0] + WIDTH / 2, start[1] + HEIGHT, end[0] + WIDTH / 2, end[1]
    bend = GAP_Y * 0.8
    return (
        f'<path class="arrow" marker-end="url(#tip)" '
        f'd="M{x1:g} {y1:g}C{x1:g} {y1 + bend:g} {x2:g} {y2 - bend:g} {x2:g} {y2:g}"/>'
    )
