"""One of this project's networks, trained as `experiments` trains it."""

from collections.abc import Callable, Iterator, Sequence

from experiments import cli  # before torch is there, as on the command line

# isort: split
import torch
from hydra import compose, initialize_config_dir

from experiments.config.composition import composition_of, resolve
from experiments.config.paths import HOME
from experiments.data.stream import SymbolStreams
from experiments.experiment import Experiment
from experiments.interfaces.data import Window
from experiments.interfaces.vocabulary import Vocabulary
from experiments.training import process_setup
from experiments.training.metrics import Metrics
from experiments.training.tbptt import TruncatedBptt
from experiments.training.threads import fit_threads
from experiments.training.timed_metrics import TimedMetrics

from . import problem as given
from .problem import Problem


def updates(problem: Problem) -> Iterator[float | None]:
    """Train; yields the mean loss of every update, after a None once there is everything but the model."""
    windows, build = prepared(problem)
    yield None
    tbptt, epoch = build(), TimedMetrics()
    with tbptt.processes:
        for window in windows:
            update = Metrics()
            tbptt.update([window], update, epoch, measured=False)
            yield update.mean_loss()


def prepared(problem: Problem) -> tuple[Sequence[Window], Callable[[], TruncatedBptt]]:
    """The windows of a problem, and what builds the model and its optimizer."""
    bound = experiment(overrides(problem))
    process_setup.set_up_process(bound.settings, bound.model.target, bound.processes.launch)
    symbols = [str(k) for k in range(problem.vocabulary)]
    dataset = SymbolStreams(Vocabulary(symbols, separator=" "), {"train": given.stream(problem)}, wrap=False)

    def build() -> TruncatedBptt:
        model = bound.build_model(dataset).train()
        fit_threads(bound.settings, model, dataset, None, bound.processes.launch)
        if problem.given_weights:
            model.load_state_dict({name: torch.from_numpy(W) for name, W in given.weights(problem).items()})
        how = {"reduction": bound.settings.reduction, "clip_norm": bound.settings.clip_norm}
        return TruncatedBptt(model, bound.build_optimizer(model), bound.device, **how, processes=bound.processes)

    return dataset.windows("train", problem.batch, problem.truncation, 0), build


def overrides(problem: Problem) -> list[str]:
    """The command line of this problem."""
    chosen = [f"model={problem.model}", "optimizer=sgd", f"optimizer.lr={problem.lr}", "tracker=memory"]
    chosen += [f"model.{size}_size={problem.hidden}" for size in ("hidden", "embedding")]
    chosen += [f"model.{place}dropout={problem.dropout}" for place in ("input_", "", "output_") if problem.dropout]
    chosen += [f"model.bias={problem.bias}", f"model.num_layers={problem.layers}"]
    chosen += [f"batch_size={problem.batch}", f"truncation={problem.truncation}", f"precision={problem.precision}"]
    chosen += [f"clip_norm={'null' if problem.clip is None else problem.clip}"]
    return chosen + ([] if problem.threads is None else [f"threads={problem.threads}"])


def experiment(arguments: list[str]) -> Experiment:
    """What `experiments ARGUMENTS` would run."""
    cli.register_resolvers()
    with initialize_config_dir(str(HOME / "conf"), version_base="1.3"):
        config, hydra = compose("config", arguments), compose("config", arguments, return_hydra_config=True).hydra
    return Experiment.of(composition_of(resolve(config), hydra, arguments))
