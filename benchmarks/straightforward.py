"""A language model in torch as one would write it: the form of PyTorch's word-language-model example, untied."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from . import problem as given
from .problem import Problem


class Model(nn.Module):
    """nn.Embedding, nn.LSTM, nn.Linear and log_softmax, with dropout before, between and after the layers."""

    def __init__(self, V: int, H: int, L: int, dropout: float):
        super().__init__()
        self.drop = nn.Dropout(dropout)
        self.encoder = nn.Embedding(V, H)
        self.rnn = nn.LSTM(H, H, L, dropout=dropout)
        self.decoder = nn.Linear(H, V)

    def forward(self, inputs, state):
        output, state = self.rnn(self.drop(self.encoder(inputs)), state)
        decoded = self.decoder(self.drop(output)).view(-1, self.decoder.out_features)
        return nn.functional.log_softmax(decoded, dim=1), state


def score(model: Model, inputs: Tensor, targets: Tensor, state: tuple) -> tuple[Tensor, tuple]:
    """inputs (T, B), targets (T*B,) -> mean loss, state after."""
    log_probs, state = model(inputs, state)
    return nn.functional.nll_loss(log_probs, targets), state


def repackage_hidden(state: tuple) -> tuple:
    """The state without its history, where the gradient stops."""
    return tuple(part.detach() for part in state)


def load(model: Model, weights: dict[str, torch.Tensor]) -> None:
    """Take over the weights of one of our networks, so that both sides compute the same losses."""
    names = {"encoder.weight": "embedding.W", "decoder.weight": "output.W", "decoder.bias": "output.b"}
    for name in model.rnn.state_dict():  # weight_ih_l0 is our layers.0.W_ih
        kind, part, depth = name.split("_")
        names[f"rnn.{name}"] = f"layers.{depth[1:]}.{'W' if kind == 'weight' else 'b'}_{part}"
    model.load_state_dict({name: weights[ours] for name, ours in names.items()})


def updates(problem: Problem, compiled: Callable = lambda function: function) -> Iterator[float | None]:
    """Train; yields the mean loss of every update, after a None once there is everything but the model."""
    if problem.precision == "float64":
        torch.set_default_dtype(torch.float64)
    stream = torch.from_numpy(given.stream(problem))
    yield None
    torch.manual_seed(0)
    model = Model(problem.vocabulary, problem.hidden, problem.layers, problem.dropout)
    if problem.given_weights:
        load(model, {name: torch.from_numpy(W) for name, W in given.weights(problem).items()})
    N = len(stream) // problem.batch
    data = stream[: N * problem.batch].view(problem.batch, N).t().contiguous()
    zeros = torch.zeros(problem.layers, problem.batch, problem.hidden)
    state, step = (zeros, zeros), compiled(score)
    model.train()
    for i in range(0, N - 1, problem.truncation):
        steps = min(problem.truncation, N - 1 - i)
        inputs, targets = data[i : i + steps], data[i + 1 : i + 1 + steps].reshape(-1)
        model.zero_grad()
        state = repackage_hidden(state)
        loss, state = step(model, inputs, targets, state)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), problem.clip)
        for p in model.parameters():
            p.data.add_(p.grad, alpha=-problem.lr)
        yield loss.item()
