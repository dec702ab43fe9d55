"""The runner that trains."""

import inspect
import logging
from typing import TYPE_CHECKING, Literal

from ..checkpoints import training_state
from ..config.checks import above, at_least
from ..config.errors import ConfigError
from ..config.figure import XAxis
from ..experiment import Experiment
from ..interfaces.data import Dataset
from ..interfaces.model import CountedModel, Model
from ..recording import open_run, run_to_resume
from ..tracking.interruption import Interrupted, ProcessLost
from ..training.artifacts import store_description, store_results
from ..training.final_report import model_line, resume_command, summarize
from ..training.loop import CountedTraining, Training
from ..training.text_statistics import announce, recorded
from ..training.threads import fit_threads
from ..training.updates import GradientTraining

if TYPE_CHECKING:
    from ..understanding.gradient_course import GradientCourse

log = logging.getLogger("experiments")


class Train:
    """Train, validate each epoch, keep the best weights, test with them. The return value is the best loss.

    Several processes (torchrun) train one network; the first one records it.
    """

    divides_columns = True

    def __init__(
        self,
        *,
        log_interval: int,
        checkpoint_interval: float,
        checkpoint_targets_interval: int | None,
        keep: Literal["all", "best"],
        print_every: int | None,
        curve_x: XAxis,
        curve_scale: Literal["auto", "linear", "log"],
        gradients_interval: int | None,
        gradients_lags: int,
        max_seconds: float | None,
        max_targets: int | None,
    ):
        """`log_interval`: updates between interval/* metrics; the other two: seconds, or targets, between checkpoints.

        `keep` "best": the training state of a completed run is deleted. `print_every`: epochs between lines on the
        screen, None: as time passes. `curve_x` and `curve_scale`: the axes of the learning curve. `gradients_interval`:
        updates between measurements of the gradient's norms up to the lag `gradients_lags`. `max_seconds` of training,
        without those of validation and checkpoints, and `max_targets` of training: either ends it before `epochs` do.
        """
        at_least(1, log_interval=log_interval, checkpoint_targets_interval=checkpoint_targets_interval)
        at_least(1, print_every=print_every)
        at_least(0, checkpoint_interval=checkpoint_interval)
        at_least(1, gradients_interval=gradients_interval)
        at_least(2, gradients_lags=gradients_lags)
        at_least(1, max_targets=max_targets)
        above(0, max_seconds=max_seconds)
        self.max_seconds, self.max_targets = max_seconds, max_targets
        self.gradients_interval, self.gradients_lags = gradients_interval, gradients_lags
        self.log_interval, self.checkpoint_interval = log_interval, checkpoint_interval
        self.checkpoint_targets_interval = checkpoint_targets_interval
        self.keep = keep
        self.print_every, self.curve_x, self.curve_scale = print_every, curve_x, curve_scale

    def run(self, experiment: Experiment) -> float:
        training = self._prepare(experiment)  # raises what can be refused, before there is a run
        fingerprint, records = training.dataset.fingerprint, experiment.processes.is_first
        experiment.processes.refuse_differences(experiment.description.identity(fingerprint))
        resumed = experiment.processes.from_first(lambda: run_to_resume(experiment, fingerprint))
        fit_threads(experiment.settings, training.model, training.dataset, resumed, experiment.processes.launch)
        if resumed is not None:
            training.restore(resumed)
        weights = sum(weight.numel() for weight in training.model.parameters())
        tags = {"runner": "train", "num_parameters": str(weights)}
        with open_run(experiment, fingerprint, resumed, recorded(training.dataset), **tags) as (run, stop):
            log.info("%s  %s", run.name, experiment.command)
            announce(training.dataset, experiment.data.options)
            log.info("model: %s", model_line(training))
            try:
                training.train(run, stop)
                training.save()
            except (Interrupted, ProcessLost) as stopped:
                if isinstance(stopped, Interrupted) and not stopped.at_once:  # else in the middle of an update
                    training.save()
                log.info("%s resumes this run", resume_command(run.name, experiment.overrides))
                raise
            finally:
                if records:
                    store_results(training)
            stop.check()
            assert training.best.weights is not None  # there is at least one epoch
            training.model.load_state_dict(training.best.weights)
            training.test()
            if records:
                store_description(training)
        if records and self.keep == "best":
            training_state.delete(training.run.folder)
        if records:
            summarize(training)
        return training.best.loss

    def _prepare(self, experiment: Experiment) -> Training:
        """Data and model, and the kind of training that the model needs."""
        self._refuse_limits(experiment.model.target)
        dataset = experiment.build_dataset()
        model = experiment.build_model(dataset).train()
        course = self._gradient_course(experiment, dataset, model)
        if isinstance(model, CountedModel):
            return CountedTraining(experiment, self, dataset, model)
        training = GradientTraining(experiment, self, dataset, model)
        training.course = course
        return training

    def _refuse_limits(self, model: object) -> None:
        """ConfigError for a limit of a model that has no updates between which it could be stopped."""
        limits = {"max_seconds": self.max_seconds, "max_targets": self.max_targets}
        given = [f"runner.{name}={limit}" for name, limit in limits.items() if limit is not None]
        if given and inspect.isclass(model) and issubclass(model, CountedModel):
            raise ConfigError(
                f"{given[0]} ends a training between two updates, but {model.__name__} counts the training split at "
                "once: leave it out, or choose a network, such as model=torch_lstm"
            )

    def _gradient_course(self, experiment: Experiment, dataset: Dataset, model: Model) -> "GradientCourse | None":
        if self.gradients_interval is None or not experiment.processes.is_first:
            return None
        from ..understanding.gradient_course import GradientCourse  # imports much that training does not need

        return GradientCourse(
            model,
            experiment.choices["model"],
            dataset,
            experiment.device,
            interval=self.gradients_interval,
            lags=self.gradients_lags,
            batch_size=experiment.settings.batch_size,
        )
