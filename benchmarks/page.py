"""docs/speed.md from docs/speed.json: every number on the page is one of that file."""

import statistics
from pathlib import Path

from .results import PRODUCTS, Result
from .storing import Stored, result_in

PROSE = Path(__file__).with_name("prose.md")  # what the page says without numbers
OURS = "ours"
SUMMARY = [
    "part",
    "network",
    "beside",
    "ours is so many times as fast",
    "its share of the products' speed",
    "our share",
]


def page(parts: dict[str, Stored], order: list[str]) -> str:
    """The page, with the parts that there are in this order."""
    named = {name: parts[name] for name in order if name in parts}
    short = summary({name: result_in(stored) for name, stored in named.items()})
    texts = [PROSE.read_text(), *([short] if short else [])]
    return "\n".join([*texts, *(section(name, stored) for name, stored in named.items())])


def section(name: str, stored: Stored) -> str:
    """A part: what was measured, its table, where and when."""
    return f"{result_in(stored).section()}\n{measured(name, stored)}\n"


def measured(name: str, stored: Stored) -> str:
    """Where and when a part was measured, as far as it is known."""
    when = f"`python -m benchmarks {name}`: {stored['date']}"
    when += f", {stored['minutes']} minutes" if stored["minutes"] else ""
    commit = f"commit {stored['commit']}{' with changes' if stored['changed'] else ''}"
    machine = f"{stored['cores']} cores of {stored['processor']}, load average {stored['load']} at the beginning"
    speeds = " and ".join(map(str, stored["products_gflops"])) or "an unknown number of"
    speed = f"matrix products at {speeds} GFLOP/s before and after"
    versions = ", ".join(f"{name} {number}" for name, number in stored["versions"].items())
    return f"{when}; {commit}; {machine}; {speed}; {versions}."


def summary(results: dict[str, Result]) -> str:
    """Of every group with our network, another program and the bare products: both honest figures side by side."""
    rows = []
    for name, result in results.items():
        for group, sides in result.turns.items():
            if OURS in sides and PRODUCTS in sides:
                seconds = {label: statistics.median(turn["seconds"] for turn in sides[label]) for label in sides}
                shares = {label: f"{seconds[PRODUCTS] / value:.0%}" for label, value in seconds.items()}
                for peer in (label for label in sides if label in result.peers and label != PRODUCTS):
                    faster = f"{seconds[peer] / seconds[OURS]:.2f}"
                    rows.append([name, group, peer, faster, shares[peer], shares[OURS]])
    return f"## In short\n\n{Result.of('', '', SUMMARY, rows).table()}" if rows else ""
