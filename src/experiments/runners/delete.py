"""The runner that deletes runs, in their folder and in the store together."""

import fnmatch
import logging
from collections.abc import Iterator, Sequence

from ..config.errors import ConfigError, first_line
from ..experiment import Experiment
from ..tracking.record import RunRecord
from ..tracking.records import records_in
from ..tracking.store import Store

log = logging.getLogger("experiments")


class Delete:
    """List the runs in `tracker.folder` that `runs` names, by name, id or a pattern; with `yes`, delete them.

    A sweep's name includes its jobs. Runs that did not end, and those of another store, are left alone. Raises
    ConfigError if no run has such a name, and if some could not be deleted.
    """

    def __init__(self, *, runs: list[str] | str | None, yes: bool):
        if not runs:
            raise ValueError("runs is null: name runs, as in runner.runs=[NAME,NAME]; runner.runs=* lists all")
        self.runs, self.yes = [runs] if isinstance(runs, str) else runs, yes

    def run(self, experiment: Experiment) -> None:
        store = experiment.store
        chosen = list(self._chosen(records_in(store.folder), store))
        refused = {run.name: why for run in chosen if (why := why_kept(run, store))}
        deletable = [run for run in chosen if run.name not in refused]
        for run in chosen:
            log.info("%s  %s", run.folder.name, refused.get(run.name) or description(run))
        if not self.yes:
            log.info("%d of these would be deleted: runner.yes=true deletes them", len(deletable))
            return
        num_deleted = sum([self._delete(run, store) for run in deletable])
        log.info("%d runs deleted in %s and in the store", num_deleted, store.folder)
        if num_deleted < len(deletable):
            raise ConfigError(f"{len(deletable) - num_deleted} runs could not be deleted, see above")

    def _chosen(self, records: Sequence[RunRecord], store: Store) -> Iterator[RunRecord]:
        """The named runs and the jobs of named sweeps. ConfigError for a name that no run has."""
        named: set[str] = set()
        for which in self.runs:
            found = {run.name for run in records if which == run.run_id or fnmatch.fnmatchcase(run.name, which)}
            if not found:
                raise ConfigError(f"runner.runs: no run in {store.folder} has the name or id {which!r}")
            named |= found
        return (run for run in records if run.name in named or run.tags.get("sweep") in named)

    def _delete(self, run: RunRecord, store: Store) -> bool:
        try:
            store.delete(run.folder.name)
        except (ValueError, OSError) as error:  # its process came back, or the store cannot be reached
            log.warning("%s  cannot be deleted: %s", run.folder.name, first_line(error))
            return False
        return True


def why_kept(run: RunRecord, store: Store) -> str | None:
    """Why this run is not deleted; None if it can be."""
    if run.status == "RUNNING":
        return "kept: it did not end; if its process died, runner=doctor closes it"
    if not store.is_own(run):
        return f"kept: it is a run of {run.store}, which tracker.uri and tracker.experiment choose"
    return None


def description(run: RunRecord) -> str:
    """What a run was, as one line."""
    size = sum(file.stat().st_size for file in run.folder.rglob("*") if file.is_file())
    return f"{run.tags.get('runner', 'run')}, {run.outcome}, {size / 1e6:.1f} MB"
