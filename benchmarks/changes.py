"""`python -m benchmarks compare BEFORE.json AFTER.json`: what got slower or faster beyond the noise of its turns.

Machines differ, so what is compared is a side divided by the bare products of the same turn or, where a group has none,
by its first side. A group of one side has nothing to be divided by: it is compared in its own unit, and only if both
files were measured on the same processor and number of cores.

A change is a difference of the medians, in the logarithm, larger than the ranges of both files' turns together and than
3 %. With three turns each and normal noise, one row in seventy says so although nothing changed, with five turns one in
ten thousand.
"""

import math
import statistics
from collections.abc import Iterator
from typing import NamedTuple

from tabulate import tabulate

from .results import PRODUCTS, Turn
from .storing import Stored, result_in

LEAST = math.log(1.03)
WORSE, BETTER, SAME, PEER = "worse", "better", "", "differs, not ours"
WORDS = {"memory": {WORSE: "LARGER", BETTER: "smaller"}}  # of a time: slower, faster
HEAD = ["part", "group", "side", "figure", "before", "after", "change", "noise", ""]


class Change(NamedTuple):
    part: str
    group: str
    side: str
    figure: str  # what is compared, and what it is divided by
    before: float  # medians over the turns
    after: float
    noise: float  # the ranges of the turns of both files, in the logarithm
    is_ours: bool

    @property
    def verdict(self) -> str:
        difference = math.log(self.after / self.before)
        if abs(difference) <= max(self.noise, LEAST):
            return SAME
        return PEER if not self.is_ours else WORSE if difference > 0 else BETTER

    def cells(self) -> list[str]:
        words = WORDS.get(self.figure.split()[0], {WORSE: "SLOWER", BETTER: "faster"})
        numbers = [f"{self.before:.4g}", f"{self.after:.4g}", f"{self.after / self.before - 1:+.1%}"]
        last = [f"{math.expm1(self.noise):.1%}", words.get(self.verdict, self.verdict)]
        return [self.part, self.group, self.side, self.figure, *numbers, *last]


def report(before: dict[str, Stored], after: dict[str, Stored]) -> tuple[str, bool]:
    """The text that is printed, and whether something of ours got worse."""
    both = [part for part in before if part in after]
    found = {part: list(changes(part, before[part], after[part])) for part in both}
    every = [change for own in found.values() for change in own]
    worse, better = (sum(one.verdict == verdict for one in every) for verdict in (WORSE, BETTER))
    lines = [f"{name}: {origin(parts)}" for name, parts in (("before", before), ("after", after))]
    lines += [tabulate([one.cells() for one in every], HEAD, disable_numparse=True)] if every else []
    for name, parts, others in (("first", before, after), ("second", after, before)):
        lines += [f"not compared: {part}: only in the {name} file" for part in parts if part not in others]
    lines += [f"not compared: {part}: {_why_not(before[part], after[part])}" for part in both if not found[part]]
    lines.append(f"{len(every)} figures compared: {worse} worse, {better} better beyond the noise of their turns")
    return "\n".join(lines), worse > 0


def origin(parts: dict[str, Stored]) -> str:
    """Commits and machines of a file, whose parts may have been measured at different times."""
    commits = sorted({stored["commit"] + (" with changes" if stored["changed"] else "") for stored in parts.values()})
    machines = sorted({f"{stored['cores']} cores of {stored['processor']}" for stored in parts.values()})
    speeds = [speed for stored in parts.values() for speed in stored["products_gflops"]] or [0]
    return f"commit {', '.join(commits)}; {', '.join(machines)}; products at {min(speeds)} to {max(speeds)} GFLOP/s"


def changes(part: str, before: Stored, after: Stored) -> Iterator[Change]:
    """What can be compared of a part that both files have."""
    one, other = result_in(before), result_in(after)
    for group, sides in one.turns.items():
        if group not in other.turns or (len(sides) == 1 and not same_machine(before, after)):
            continue
        for side in sides:
            for figure in one.figures:
                a, b = (quotients(result.turns[group], side, figure) for result in (one, other))
                if len(a) > 1 and len(b) > 1:
                    noise = sum(math.log(max(values) / min(values)) for values in (a, b))
                    medians = statistics.median(a), statistics.median(b)
                    what = figure if len(sides) == 1 else f"{figure} / {reference(sides, figure)}"
                    yield Change(part, group, side, what, *medians, noise, side not in one.peers)


def quotients(sides: dict[str, list[Turn]], side: str, figure: str) -> list[float]:
    """A figure of every turn of a side, divided by that of its group's reference; none for the reference itself."""
    if len(sides) == 1:
        return [turn[figure] for turn in sides[side] if turn[figure] > 0]
    divisor = reference(sides, figure)
    if side not in sides or side == divisor:
        return []
    turns = zip(sides[side], sides[divisor])
    return [own[figure] / other[figure] for own, other in turns if own[figure] > 0 and other[figure] > 0]


def reference(sides: dict[str, list[Turn]], figure: str) -> str:
    """The side by which the others of its group are divided."""
    return PRODUCTS if PRODUCTS in sides and figure != "memory" else next(iter(sides))


def same_machine(before: Stored, after: Stored) -> bool:
    return all(before[key] == after[key] for key in ("processor", "cores"))


def _why_not(before: Stored, after: Stored) -> str:
    if not before["turns"] or not after["turns"]:
        return "it keeps no turns, so its noise is not known"
    shared = [group for group in before["turns"] if group in after["turns"]]
    if not shared:
        return "the files have no group in common"
    numbers = [len(own) for stored in (before, after) for group in shared for own in stored["turns"][group].values()]
    if min(numbers) < 2:
        return "one turn does not tell how noisy it is"
    return "nothing to divide by, and the files are of different machines"
