"""The whole state of a training: from it a run goes on as if it had never been stopped."""

import logging
from pathlib import Path

from ..config.errors import ConfigError, first_line
from ..training.device import generators, num_threads, restore_generators
from . import checkpoint

log = logging.getLogger("experiments")

LAST, PREVIOUS = "last.pt", "previous.pt"
POSITION = ("epoch", "window", "updates", "targets")


def save(training, folder: Path) -> None:
    """Write last.pt, and keep the one before. A model without gradients has nothing to go on with."""
    if training.tbptt is None:
        return
    content = {
        "model": training.model.state_dict(),
        "best_weights": training.best.weights,
        "optimizer": training.tbptt.optimizer.state_dict(),
        "schedule": vars(training.schedule),
        "state": training.tbptt.state,
        "generators": generators(training.experiment.compute),
        "tallies": {"meter": training.meter.state(), "interval": training.interval.state()},
        "position": {key: getattr(training, key) for key in POSITION},
        "metrics": training.last,
        "threads": num_threads(),
    }
    checkpoint.save(folder / LAST, training.describing() | content, keep=folder / PREVIOUS)


def restore(training, folder: Path) -> None:
    """Stand where the run in this folder stood at its newest snapshot; at the beginning if there is none.

    ConfigError if all are damaged, or one is foreign or of another network.
    """
    try:
        last = checkpoint.load_newest([folder / LAST, folder / PREVIOUS])
        if last is not None:
            _restore(training, last, str(folder / LAST))
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"resume: {first_line(error)}") from error


def _restore(training, last: dict, source: str) -> None:
    compute = training.experiment.compute
    checkpoint.load_weights(training.model, last["model"], source)
    training.tbptt.optimizer.load_state_dict(last["optimizer"])
    vars(training.schedule).update(last["schedule"])
    training.best.restore(last["best"], last["best_weights"])
    training.meter.restore(last["tallies"]["meter"])
    training.interval.restore(last["tallies"]["interval"])
    vars(training).update(last["position"], last=last["metrics"])
    if last["state"] is not None:
        training.tbptt.state = tuple(part.to(compute.device) for part in last["state"])
    restore_generators(last["generators"], compute)
    if last["threads"] != num_threads():
        change = f"{last['threads']} threads before, {num_threads()} now"
        log.warning("%s: the last bits of sums may differ from those of a run that was never stopped", change)
