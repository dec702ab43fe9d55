"""Our network for labels, trained as `experiments` trains it: every batch is as long as its longest review."""

from collections.abc import Iterator

from . import ours, reviews  # sets up torch's threads, so it comes first

# isort: split
import torch

from experiments.data.labelled import LabelledSequences, Sequences
from experiments.interfaces.vocabulary import Vocabulary
from experiments.training import process_setup
from experiments.training.metrics import Metrics
from experiments.training.tbptt import TruncatedBptt
from experiments.training.threads import fit_threads
from experiments.training.timed_metrics import TimedMetrics

from .problem import Problem


def updates(problem: Problem) -> Iterator[float | None]:
    """Train; yields the mean loss of every update, after a None once there is everything but the model."""
    bound = ours.experiment(overrides(problem))
    process_setup.set_up_process(bound.settings, bound.model.target)
    sequences = Sequences(*reviews.sequences(problem))
    vocabulary = Vocabulary([str(k) for k in range(problem.vocabulary)], separator=" ")
    dataset = LabelledSequences(vocabulary, {"train": sequences}, ("no", "yes"), seed=0)
    windows = dataset.windows_of_batches(sequences, reviews.batches(problem, sequences.starts), None)
    yield None
    model = bound.build_model(dataset).train()
    fit_threads(bound.settings, model, dataset, None, bound.processes.launch)
    model.load_state_dict({name: torch.from_numpy(W) for name, W in reviews.weights(problem).items()})
    how = {"reduction": bound.settings.reduction, "clip_norm": bound.settings.clip_norm}
    tbptt, epoch = TruncatedBptt(model, bound.build_optimizer(model), bound.device, **how), TimedMetrics()
    for window in windows:
        update = Metrics()
        tbptt.update([window], update, epoch, measured=False)
        yield update.mean_loss()


def overrides(problem: Problem) -> list[str]:
    """The command line of this problem."""
    chosen = ["data=imdb", "model=torch_lstm", "model.bidirectional=true", "model.output=logistic", "model.bias=single"]
    chosen += [f"model.hidden_size={problem.hidden}", f"model.num_layers={problem.layers}"]
    chosen += [f"model.embedding_size={problem.embedding}", "optimizer=adam", f"optimizer.lr={problem.lr}"]
    chosen += [f"batch_size={problem.batch}", "truncation=null", "clip_norm=null", "tracker=memory"]
    return chosen + ([] if problem.threads is None else [f"threads={problem.threads}"])
