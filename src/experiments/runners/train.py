"""Training: epochs of truncated BPTT, validation, the best weights, checkpoints."""

import logging

from ..checkpoints import training_state
from ..tracking.interruption import Interrupted
from ..training.artifacts import describe, keep_files
from ..training.final_report import resume_command, summarize
from ..training.loop import Training

log = logging.getLogger("experiments")


class Train:
    """Train, validate each epoch, keep the best weights, test with them. The return value is the best loss."""

    def __init__(self, *, log_interval: int, checkpoint_interval: float, checkpoint_targets_interval: int | None):
        """`log_interval`: updates between interval/* metrics; the others: seconds, or targets, between checkpoints."""
        if log_interval < 1:
            raise ValueError(f"log_interval must be at least 1 update, got {log_interval}")
        if checkpoint_interval < 0:
            raise ValueError(f"checkpoint_interval must be at least 0 seconds, got {checkpoint_interval}")
        if checkpoint_targets_interval is not None and checkpoint_targets_interval < 1:
            raise ValueError(f"checkpoint_targets_interval must be at least 1, got {checkpoint_targets_interval}")
        self.log_interval, self.checkpoint_interval = log_interval, checkpoint_interval
        self.checkpoint_targets_interval = checkpoint_targets_interval

    def run(self, experiment) -> float:
        training = Training(experiment, self)  # whatever can be refused is refused here, before there is a run
        fingerprint = training.dataset.fingerprint
        continues = experiment.run_to_continue(fingerprint)
        if continues is not None:
            training_state.restore(training, continues)
        weights = sum(weight.numel() for weight in training.model.parameters())
        with experiment.open_run(fingerprint, continues, runner="train", num_parameters=str(weights)) as (
            tracker,
            stop,
        ):
            log.info("%s  %s", tracker.name, experiment.command)
            try:
                training.train(tracker, stop)
                training.save()
            except Interrupted as stopped:
                if not stopped.at_once:  # else it may stand in the middle of an update
                    training.save()
                log.info("%s goes on with this run", resume_command(experiment, tracker))
                raise
            finally:
                keep_files(training, tracker)
            stop.check()
            training.model.load_state_dict(training.best.weights)
            training.test(tracker, stop)
            describe(training, tracker)
        summarize(experiment, tracker, training)
        return training.best.loss
