"""What every model is: a `torch.nn.Module` with the verbs `initial_state`, `predict` and `score`."""

from typing import NamedTuple, Protocol

from torch import Tensor

State = tuple[Tensor, ...]  # opaque to the loop, which detaches and saves it; dimension 1 is the batch


class Score(NamedTuple):
    """What a window's targets cost: sums over the targets that count, never means."""

    loss: Tensor | float  # the objective: 0-d and differentiable, or a number if `learn` has its gradients already
    nats: Tensor | float | None  # negative log-likelihood: the loss itself, or another beside it; None if there is none
    correct: Tensor | int  # targets that were the most probable symbol


class SequenceModel(Protocol):
    """A `torch.nn.Module` over sequences, time-major: inputs and targets are (T, B) int64.

    Inputs of -1 are padding and leave the state unchanged; targets of -100 are not predicted.
    """

    devices: tuple[str, ...]  # where it can run: "cpu", "cuda", "mps"
    precisions: tuple[str, ...]  # of "float32", "float64", "bfloat16"
    computes_without_torch: bool  # torch's threads would only stand in the way; absent means False
    labels_only: bool  # what it says belongs to the whole sequence read so far, at every step alike; absent means False
    sparse_gradients: bool  # set to true where the optimizer takes row-sparse gradients; absent means never
    needs_whole_sequences: bool  # its state cannot be carried from window to window; absent means False

    def initial_state(self, batch_size: int) -> State:
        """The state before the first symbol."""

    def predict(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """inputs (T, B) -> log-probabilities (T, B, K) of what follows each input, state after."""

    def score(self, inputs: Tensor, targets: Tensor, state: State) -> tuple[Score, State]:
        """inputs and targets (T, B) -> what the targets cost, state after. `forward` is `score`."""

    # A model that computes gradients itself may have learn(inputs, targets, state), which is `score` and adds them to
    # the parameters' own; the state it returns has no graph. The training loop calls it in place of `score`, so who
    # overrides one overrides both. Autograd's graph would cost a small network a quarter of its time.

    # A model that learns without gradients has no parameters but a method fit(windows), which is given the training
    # split once and in order: windows of a text as one column, or of sequences and their labels.
