"""What all compared runs have in common: the head of a report."""

from collections.abc import Sequence
from typing import NamedTuple

from ..config.recorded_form import ADDED_KEYS
from ..tracking.record import RunRecord
from .grouping import may_decide, parsed

MAX_NAMED = 3  # datasets, commands or commits that are all named


class Head(NamedTuple):
    """Of which data, options, command and code the runs are."""

    data: str
    fixed: dict[str, str]  # options and choices with one value in all runs
    command: str
    code: str

    @classmethod
    def of(cls, runs: Sequence[RunRecord], sweeps: Sequence[RunRecord] = ()) -> "Head":
        """The head of some runs; `sweeps` are the parents whose commands made them."""
        commands = [run.tags.get("command", "") for run in (sweeps or runs)]
        return cls(data_of(runs), fixed_options(runs), named(commands, "commands"), code_of(runs))

    def lines(self) -> dict[str, str]:
        """Name -> text of what is known. Of the options only those of no section: choices, sizes, epochs."""
        short = {key: text for key, text in self.fixed.items() if "." not in key and text != "null"}
        fixed = " ".join(f"{key}={text}" for key, text in short.items())
        found = {"data": self.data, "fixed": fixed, "command": self.command, "code": self.code}
        return {name: text for name, text in found.items() if text}


def data_of(runs: Sequence[RunRecord]) -> str:
    """The choices of data, and whether the runs read the same symbols."""
    choices = [run.parameters.get("choice.data", "") for run in runs]
    prints = {run.tags["dataset_fingerprint"] for run in runs if "dataset_fingerprint" in run.tags}
    if len(prints) == 1:
        return f"{named(choices, 'datasets')} (the same in all runs, fingerprint {prints.pop()})"
    different = f" ({len(prints)} different datasets)" if prints else ""
    return f"{named(choices, 'datasets')}{different}"


def fixed_options(runs: Sequence[RunRecord]) -> dict[str, str]:
    """Choices and options that have the same value in all runs and may decide a result; null as null.

    Root keys that were added later are left out where they mean what was before.
    """
    first, fixed = runs[0].parameters, {}
    for key in sorted(first, key=lambda key: (not key.startswith("choice."), "." in key, key)):
        is_as_before = key in ADDED_KEYS and parsed(first[key]) == parsed(str(ADDED_KEYS[key]))
        if may_decide(key) and not is_as_before and all(run.parameters.get(key) == first[key] for run in runs):
            fixed[key.removeprefix("choice.")] = str(parsed(first[key]))
    return fixed


def code_of(runs: Sequence[RunRecord]) -> str:
    """The commits of this package that the runs were made by."""
    states = [f"commit {run.tags['git_commit'][:12]}{changes(run)}" for run in runs if "git_commit" in run.tags]
    versions = [f"version {v}" for run in runs if (v := run.tags.get("version.recurrent-experiments"))]
    return named(states or versions, "commits")


def changes(run: RunRecord) -> str:
    """What to add to a commit whose files were changed."""
    return " with changes" if run.tags.get("git_dirty") == "true" else ""


def named(texts: Sequence[str], plural: str) -> str:
    """What is said of all runs: the one text, a few of them, or how many there are."""
    found = list(dict.fromkeys(filter(None, texts)))
    if len(found) <= MAX_NAMED:
        return "; ".join(found)
    return f"{len(found)} {plural}, first {found[0]}"
