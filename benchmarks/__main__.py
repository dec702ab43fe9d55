"""`python -m benchmarks` (`make bench`) measures what README and docs/speed.md say of speed and memory.

`python -m benchmarks PART ...` measures and prints only some: torch, precision, evaluation, numpy, loop, tracking,
memory, startup, growth, comparing, cells, output. Each side of a comparison is a process of its own (those of cells share one),
sides take turns, and figures are medians over the turns. Precision, evaluation and output read the Penn Treebank in
$EXPERIMENTS_DATA.
"""

import os
import platform
import sys
import time
from pathlib import Path

from . import parts
from .plot import draw

DOCS = Path(__file__).resolve().parents[1] / "docs"


def main(names: list[str]) -> None:
    if unknown := set(names) - set(parts.PARTS):
        raise SystemExit(f"there is no part {', '.join(unknown)}; there is {', '.join(parts.PARTS)}")
    began, load, texts, drawn = time.monotonic(), os.getloadavg()[0], [], {}
    for name in names or parts.PARTS:
        print(name, file=sys.stderr)
        if name in parts.OF_PTB and "EXPERIMENTS_DATA" not in os.environ:
            print("  left out: EXPERIMENTS_DATA names no folder", file=sys.stderr)
            continue
        text, drawn[name] = parts.PARTS[name]()
        texts.append(text)
        print(text, flush=True)
    if not names:
        where = f"{os.cpu_count()} cores of {processor()}, load average {load:.1f} when it began"
        took = f"`make bench`, {(time.monotonic() - began) / 60:.0f} minutes on {where}."
        (DOCS / "speed.md").write_text("\n".join(["# Speed and memory\n", f"Printed by {took}\n", *texts]))
        draw(drawn, DOCS / "speed.png")


def processor() -> str:
    """The processor's name, as far as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()


if __name__ == "__main__":
    main(sys.argv[1:])
