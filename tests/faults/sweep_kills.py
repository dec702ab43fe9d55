"""Kill a real sweep and all its workers with SIGKILL at random moments, give its command again, and compare.

`python -m tests.faults.sweep_kills` kills two sweeps five times each: jobs one after the other, and two side by side.
"""

import contextlib
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from mlflow import MlflowClient

from experiments.checkpoints.training_state import LAST
from experiments.tracking.folder import JOURNAL
from experiments.tracking.mlflow_connection import create_store
from experiments.tracking.record import RunRecord

from ..processes import start
from .kills import Killed, begin_anew, compare_runs, make_folders, num_running, stored_points

LAUNCHERS = {"basic": (), "joblib": ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")}
TRUNCATIONS = (3, 5, 7, 9)


def command(launcher: str, data: Path, truncations: Sequence[int], epochs: int) -> list[str]:
    """Jobs of some seconds with dropout, validation and many checkpoints, two for each truncation."""
    source = [
        "data=characters",
        f"data.path={data}/text.txt",
        "data.valid_fraction=0.1",
        "data.test_fraction=0.1",
        "batch_size=8",
    ]
    size = ["model.hidden_size=24", "model.output_dropout=0.2", f"epochs={epochs}", "threads=1", "tracker.interval=0.5"]
    often = ["runner.log_interval=20", "runner.checkpoint_targets_interval=2000"]
    points = [f"truncation={','.join(map(str, truncations))}", "seed=0,1"]
    return ["-m", *points, *source, *size, *often, *LAUNCHERS[launcher]]


def sweep(folder: Path, arguments: list[str], kill_after: float | None = None) -> int:
    """Start a sweep, killed with its workers after `kill_after` seconds if that is given; its exit code."""
    process = start(folder, arguments, new_session=True)
    process.join(kill_after)
    if process.exitcode is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.join()
    return process.exitcode


def disturb(
    launcher: str, kills: int, seed: int, store: Path, truncations: Sequence[int] = TRUNCATIONS, epochs: int = 40
) -> tuple[Killed, dict[str, int], int]:
    """A sweep undisturbed and again with this many kills: what differs, what else must be 0, how many jobs resumed.

    There are more kills where these hit no job that had a training state to resume from.
    """
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory() as temporary:
        data, alone, killed = make_folders(Path(temporary), store)
        arguments = command(launcher, data, truncations, epochs)
        began = time.monotonic()
        assert sweep(alone, arguments) == 0, (alone / "output.txt").read_text()
        assert len(jobs(alone)) == 2 * len(truncations)
        seconds = time.monotonic() - began
        done, repeated, over = 0, 0, {}
        while done < kills or not has_job_to_resume(killed):
            code = sweep(killed, arguments, draw.uniform(0.1, 0.6) * seconds)
            done += code == -signal.SIGKILL
            repeated += sum(journal.read_bytes() != content for journal, content in over.items())
            over = {journal: journal.read_bytes() for journal in journals(killed) if is_finished_job(journal)}
            if code == 0:  # it was faster than the kill
                over = {}
                begin_anew(killed, store)
        assert sweep(killed, arguments) == 0, (killed / "output.txt").read_text()
        repeated += sum(journal.read_bytes() != content for journal, content in over.items())
        return Killed(kills=done) + compare(alone, killed), {"repeated": repeated} | strays(killed), resumed(killed)


def compare(alone: Path, killed: Path) -> Killed:
    """What differs between the jobs of two sweeps."""
    found = Killed(left_running=num_running(killed))
    undisturbed, stopped = jobs(alone), jobs(killed)
    assert undisturbed.keys() == stopped.keys()
    for job, folder in stopped.items():
        found += compare_runs(folder, undisturbed[job], *stored_points(killed, folder.name))
    return found


def strays(folder: Path) -> dict[str, int]:
    """Surplus runs in the store, children without their parent, and runs that did not finish."""
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    runs = client.search_runs([e.experiment_id for e in client.search_experiments()])
    parents = [run.info.run_id for run in runs if run.data.tags.get("runner") == "sweep"]
    children = [run for run in runs if run.info.run_id not in parents]
    return {
        "parents too many": len(parents) - 1,
        "children too many": len(children) - len(jobs(folder)),
        "orphans": sum(run.data.tags.get("mlflow.parentRunId") not in parents for run in children),
        "unfinished": sum(run.info.status != "FINISHED" for run in runs),
    }


def resumed(folder: Path) -> int:
    """The number of jobs that were killed while they ran and then resumed."""
    return sum('"status": "RUNNING"' in (run / JOURNAL).read_text() for run in jobs(folder).values())


def has_job_to_resume(folder: Path) -> bool:
    """Whether a job of a killed sweep left a training state and did not end."""
    return any((run / LAST).exists() and RunRecord.of(run).outcome == "running" for run in jobs(folder).values())


def jobs(folder: Path) -> dict[tuple[str, str], Path]:
    """The folders of a sweep's jobs by what was chosen for them."""
    known = {journal.parent: RunRecord.of(journal.parent).tags for journal in journals(folder)}
    return {(k["sweep.point"], k["sweep.replicate"]): run for run, k in known.items() if k["runner"] == "train"}


def journals(folder: Path) -> list[Path]:
    return list(folder.glob("runs/*/journal.jsonl"))


def is_finished_job(journal: Path) -> bool:
    """Not a finished sweep, which is resumed when it is started again, if only to find that nothing is left to do."""
    run = RunRecord.of(journal.parent)
    return run.tags.get("runner") == "train" and run.outcome == "completed"


def main() -> int:
    """Both launchers; exit code 1 if anything differs."""
    faultless = True
    with tempfile.TemporaryDirectory() as temporary:
        create_store(store := Path(temporary) / "mlflow.db")
        for number, launcher in enumerate(LAUNCHERS):
            found, wrong, went_on = disturb(launcher, 5, number, store)
            faultless = faultless and found.faultless and not any(wrong.values())
            told = {**found.named(), **wrong, "jobs went on": went_on}
            print(f"sweep, {launcher}: {', '.join(f'{value} {name}' for name, value in told.items())}", flush=True)
    return int(not faultless)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
