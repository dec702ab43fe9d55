"""Where and when a part was measured, and how fast this machine multiplies matrices meanwhile."""

import datetime
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

from .alternate import Side, run
from .floor import operations
from .problem import Problem

ROOT = Path(__file__).resolve().parents[1]
MEASURED = ("src", "conf", "benchmarks", "constraints.txt")  # what figures depend on
PRODUCTS_OF = Problem(updates=10, warm_up=3)  # 2x200 over 10,000 words
LIBRARIES = ("recurrent-experiments", "torch", "numpy", "mlflow")


def stamp(minutes: float, load: float, gflops: list[float], versions: dict[str, str]) -> dict[str, Any]:
    """What is kept beside a part's figures: `gflops` before and after it (`products_speed`), `versions` of peers."""
    return {
        "date": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC",
        "minutes": round(minutes, 1),
        **commit(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "load": round(load, 1),
        "products_gflops": [round(speed) for speed in gflops],
        "versions": {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES} | versions,
    }


def products_speed() -> float:
    """GFLOP/s in float32 of the bare matrix products of an update of PRODUCTS_OF, as in the side "products alone"."""
    return operations(PRODUCTS_OF) / run(Side("floor", PRODUCTS_OF))["seconds"] / 1e9


def commit() -> dict[str, Any]:
    """commit, and whether what is measured differs from it; "unknown" outside of a checkout."""
    known = _git("rev-parse", "--short=12", "HEAD")
    return {"commit": known or "unknown", "changed": bool(_git("status", "--porcelain", "--", *MEASURED))}


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


def processor() -> str:
    """The processor's name, as far as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()
