"""The runs in a folder of run folders, without a central index: each is known by its own journal.

A folder may have thousands of runs, so where the first or the last lines of a journal tell enough no more is read.
"""

import contextlib
import logging
import os
from collections.abc import Callable
from pathlib import Path

from ..config.errors import first_line
from .folder import JOURNAL
from .journal import Damaged, parse_line
from .record import FINAL_OUTCOMES, RunRecord

log = logging.getLogger("experiments")

LAST_BLOCK = 1 << 13  # bytes in which the last lines of a run that ended usually are


def records_in(
    folder: Path, marker: str = JOURNAL, read: Callable[[Path], RunRecord | None] = RunRecord.of
) -> list[RunRecord]:
    """The runs whose folder in `folder` has a file `marker`, in order of their start.

    `read` returns the run in a folder, or None for one that is left out. Logs a warning that names the run's folder if
    a journal is damaged or cannot be read.
    """
    records = []
    for path in folder.glob(f"*/{marker}"):
        try:
            record = read(path.parent)
        except OSError as error:
            log.warning("the run in %s cannot be read: %s", path.parent, first_line(error))
            continue
        if record is not None:
            warn_if_damaged(record)
            records.append(record)
    return sorted(records, key=lambda record: (record.started, record.name))


def beginnings_in(folder: Path, marker: str = JOURNAL) -> list[RunRecord]:
    """`records_in` by the first line of each journal: name, start, store and tags; `complete` reads the rest."""
    return records_in(folder, marker, RunRecord.beginning_of)


def complete(records: list[RunRecord]) -> list[RunRecord]:
    """The same runs with all that their journals have; one that cannot be read is left out with a warning."""
    whole = []
    for record in records:
        is_known = record.is_damaged  # and was named
        try:
            record.refresh()
        except OSError as error:
            log.warning("the run in %s cannot be read: %s", record.folder, first_line(error))
            continue
        if not is_known:
            warn_if_damaged(record)
        whole.append(record)
    return whole


def unfinished_in(folder: Path) -> list[RunRecord]:
    """`records_in` without the runs that are over, of which only the last lines are read."""
    return [record for record in records_in(folder, read=_unless_over) if not record.is_over]


def sweep_in(folder: Path, which: str | None) -> tuple[RunRecord, list[RunRecord]]:
    """A sweep in a folder of run folders (None: the latest) and its runs. ValueError if there is no such sweep."""
    records = beginnings_in(folder)
    sweeps = [run for run in records if run.tags.get("runner") == "sweep" and which in (None, run.name, run.run_id)]
    if not (sweeps := complete(sweeps[-1:])):
        raise ValueError(f"there is no sweep {which or ''} in {folder}")
    return sweeps[-1], complete([run for run in records if run.tags.get("sweep") == sweeps[-1].name])


def warn_if_damaged(record: RunRecord) -> None:
    if record.is_damaged:
        log.warning("the journal in %s is damaged: what follows the damaged line is not used", record.folder)


def last_outcome(journal: Path) -> str | None:
    """The outcome of a run whose process ended it, by the last lines of its journal; None where they do not tell."""
    with journal.open("rb") as file:
        start = max(0, os.fstat(file.fileno()).st_size - LAST_BLOCK)
        first, *lines = os.pread(file.fileno(), LAST_BLOCK, start).split(b"\n")
    if not lines or lines.pop():  # no whole line, or an unfinished last one
        return None
    status = outcome = None
    with contextlib.suppress(Damaged):
        for line in reversed([first, *lines] if start == 0 else lines):
            entry = parse_line(line)
            status = status or entry.get("status")
            outcome = outcome or entry.get("tags", {}).get("outcome")
            if status and outcome:
                return None if status == "RUNNING" else outcome
    return None


def _unless_over(folder: Path) -> RunRecord | None:
    return None if last_outcome(folder / JOURNAL) in FINAL_OUTCOMES else RunRecord.of(folder)
