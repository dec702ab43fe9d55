"""Measures speed and memory, keeps every figure, and makes docs/speed.md of them.

python -m benchmarks                          all parts (make bench, about half an hour), then the page
python -m benchmarks PART ... [--to FILE]     some parts; FILE in the place of docs/speed.json (--turns N: in a hurry)
python -m benchmarks page                     docs/speed.md and docs/speed.png from docs/speed.json
python -m benchmarks compare BEFORE AFTER     what got slower or faster; exit code 1 if something got slower
"""

import argparse
import os
import sys
import time
from pathlib import Path

from . import changes, page, peers, storing
from .machine import ROOT, products_speed, stamp
from .parts import OF_KERAS, PARTS, missing
from .plot import draw
from .results import result_of

DOCS = ROOT / "docs"
RESULTS = DOCS / "speed.json"


def main(arguments: list[str]) -> int:
    """The exit code."""
    match arguments:
        case ["page"]:
            make_page(storing.read(RESULTS))
        case ["compare", before, after]:
            text, is_worse = changes.report(storing.read(Path(before)), storing.read(Path(after)))
            print(text)
            return int(is_worse)
        case ["compare", *_]:
            raise SystemExit("compare takes two files: python -m benchmarks compare BEFORE.json AFTER.json")
        case _:
            measure(arguments)
    return 0


def measure(arguments: list[str]) -> None:
    """Run parts one after the other; each is kept as soon as it is there."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--to", type=Path, default=RESULTS, metavar="FILE", help="where the figures are kept")
    parser.add_argument("--turns", type=int, metavar="N", help="of every side, in the place of three to five")
    chosen = parser.parse_args(arguments)
    if chosen.turns is not None:
        os.environ["BENCHMARK_TURNS"] = str(max(1, chosen.turns))
    if unknown := [name for name in chosen.parts if name not in PARTS]:
        raise SystemExit(f"there is no part {', '.join(unknown)}; there is {', '.join(PARTS)}")
    if chosen.to.exists():
        storing.read(chosen.to)  # before anything is measured
    speed = products_speed()
    for name in chosen.parts or PARTS:
        speed = run_part(name, chosen.to, speed)
    if chosen.to.resolve() == RESULTS:
        make_page(storing.read(RESULTS))


def run_part(name: str, to: Path, speed: float) -> float:
    """Measure a part, print its section and keep it; the speed of bare products before it -> after it."""
    print(name, file=sys.stderr)
    if reason := missing(name):
        print(f"  left out: {reason}", file=sys.stderr)
        return speed
    began, load = time.monotonic(), os.getloadavg()[0]
    result = result_of(PARTS[name]())
    minutes = (time.monotonic() - began) / 60
    after, versions = products_speed(), peers.versions() if name in OF_KERAS else {}
    storing.store(to, name, result, stamp(minutes, load, [speed, after], versions))
    print(page.section(name, storing.read(to)[name]), flush=True)
    return after


def make_page(parts: dict[str, storing.Stored]) -> None:
    """docs/speed.md and docs/speed.png."""
    (DOCS / "speed.md").write_text(page.page(parts, list(PARTS)))
    draw({name: stored["drawn"] for name, stored in parts.items()}, DOCS / "speed.png")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
