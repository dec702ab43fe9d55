"""The runner that scores a checkpoint on a split."""

import logging
from typing import Literal

from ..checkpoints.initial_weights import find_weights
from ..config.errors import ConfigError
from ..experiment import Experiment
from ..interfaces.data import Dataset
from ..interfaces.model import CountedModel, Model
from ..interfaces.task import task_of
from ..recording import open_run
from ..scoring.methods import MethodOptions, Methods, OtherModel, checked
from ..scoring.protocols import Protocol, protocol_of
from ..scoring.target_losses import losses_of_split
from ..scoring.target_probabilities import Reader
from ..tracking.interruption import Stop
from ..training.evaluation import Evaluation
from ..training.summary_line import summary_line
from ..training.text_statistics import announce, predicts_symbols, recorded
from .requirements import check_split, required_weights

log = logging.getLogger("experiments")

Method = Literal["static", "dynamic", "mc_dropout", "cache", "mixture", "ensemble"]


class Evaluate:
    """Score a split with the weights that `checkpoint=` names; the return value is the loss in nats per target.

    Beside the exact numbers are shown those of a published code's protocol (`scoring/protocols.py`), and those of
    methods that are tuned on the validation split (`scoring/methods.py`).
    """

    def __init__(
        self,
        *,
        split: Literal["train", "valid", "test"],
        protocol: Literal["exact", "zaremba", "pytorch_examples", "awd", "textbook"],
        method: Method | list[Method],
        others: list[str],
        tuning_targets: int | None,
        dynamic_steps: int,
        dynamic_rates: list[float],
        dynamic_decays: list[float],
        dynamic_epsilon: float,
        dropout_samples: int,
        cache_sizes: list[int],
        cache_flatness: list[float],
    ):
        self.split, self.protocol, self.others = split, protocol, others
        self.methods = checked([method] if isinstance(method, str) else method, others)
        tried = (dynamic_rates, dynamic_decays, dynamic_epsilon, dropout_samples, cache_sizes, cache_flatness)
        self.options = MethodOptions(tuning_targets, dynamic_steps, *tried)

    def run(self, experiment: Experiment) -> float:
        weights = required_weights(experiment)
        others = {name: experiment.with_weights(find_weights(name, experiment.store)) for name in self.others}
        dataset = experiment.build_dataset()
        check_split(dataset, self.split)
        trained = () if weights.dataset is None else weights.dataset.label_counts
        evaluation = Evaluation(dataset, experiment.settings, experiment.device, exact=False, label_counts=trained)
        evaluation.windows(self.split)  # raises if the batch has more columns than the split fills
        protocol = self._protocol(dataset, experiment.settings.truncation)
        model, how = experiment.build_model(dataset), evaluation.description
        self._check_methods(model, dataset)
        models = {name: each.build_model(dataset) for name, each in others.items()}
        tags = {"runner": "evaluate", "evaluated": weights.run_id, "evaluation": how}
        with open_run(experiment, dataset.fingerprint, None, recorded(dataset), **tags) as (run, stop):
            announce(dataset, experiment.data.options)
            metrics, count = evaluation.score_in_full(model, self.split, run, stop)
            task = task_of(dataset)
            summary = summary_line(metrics, task)
            log.info("%s of %s: %s over %s targets (%s)", self.split, weights.source, summary, f"{count:,}", how)
            log.info("  ".join(f"{key} {value:.8g}" for key, value in task.of(metrics).items()))
            if protocol is not None:
                metrics |= self._by_protocol(protocol, evaluation, model, stop)
            if self.methods != ["static"]:
                metrics |= self._by_methods(experiment, model, dataset, models, stop)
            step = weights.content["best"]["targets"]
            run.log_metrics({f"{self.split}/{key}": value for key, value in metrics.items()}, step)
        return metrics["loss"]

    def _protocol(self, dataset: Dataset, truncation: int | None) -> Protocol | None:
        """What the published code reads; None if nothing but the exact numbers is asked for."""
        if self.protocol == "exact":
            return None
        try:
            return protocol_of(self.protocol, dataset, self.split, truncation)
        except ValueError as error:
            raise ConfigError(f"runner.{error}") from error

    def _by_protocol(self, protocol: Protocol, evaluation: Evaluation, model: Model, stop: Stop) -> dict[str, float]:
        found = protocol.metrics(evaluation.score_windows(model, protocol.windows, stop))
        log.info("protocol %s: perplexity %.2f (%s)", self.protocol, found["perplexity"], protocol.description)
        return {f"{key}_{self.protocol}": value for key, value in found.items()}

    def _check_methods(self, model: Model, dataset: Dataset) -> None:
        """ConfigError if a method cannot be used with this network or data."""
        if self.methods == ["static"]:
            return
        asked = f"runner.method={','.join(self.methods)}"
        if not predicts_symbols(dataset) or model.reads_both_sides:
            raise ConfigError(f"{asked} is for language models, which predict each symbol from those before it")
        if "valid" not in dataset.splits:
            raise ConfigError(f"{asked} is tuned on the validation split, and this data has none")
        if "dynamic" in self.methods and isinstance(model, CountedModel):
            raise ConfigError(f"{asked} moves weights by their gradients, and a {type(model).__name__} counts")

    def _by_methods(
        self, experiment: Experiment, model: Model, dataset: Dataset, others: dict[str, Model], stop: Stop
    ) -> dict[str, float]:
        """Loss and perplexity after each of the methods, by its name."""
        settings, device = experiment.settings, experiment.device

        def nats_of(other: Model) -> OtherModel:
            return lambda split: losses_of_split(other, dataset, split, settings, device).nats

        model.eval()
        reader = Reader(model, device, stop.check, settings.seed, keep_hidden="cache" in self.methods)
        of_others = {name: nats_of(other) for name, other in others.items()}
        methods = Methods(self.methods, self.options, reader, dataset, of_others, log.info)
        if self.split == "valid":
            log.warning("methods are tuned on the validation split, so their numbers on it are too good")
        metrics: dict[str, float] = {}
        for stage in methods.stages(self.split):
            log.info("%s: perplexity %.2f (%s)", stage.name, stage.perplexity, stage.chosen)
            metrics |= {f"loss_{stage.name}": stage.loss, f"perplexity_{stage.name}": stage.perplexity}
        return metrics
