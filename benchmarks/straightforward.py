"""A language model in torch as one would write it: the form of PyTorch's word-language-model example."""

from collections.abc import Iterator

import torch
from torch import nn

from . import problem as given
from .problem import Problem


class Model(nn.Module):
    """nn.Embedding, nn.LSTM, nn.Linear and log_softmax."""

    def __init__(self, V: int, H: int, L: int):
        super().__init__()
        self.encoder = nn.Embedding(V, H)
        self.rnn = nn.LSTM(H, H, L)
        self.decoder = nn.Linear(H, V)

    def forward(self, inputs, state):
        output, state = self.rnn(self.encoder(inputs), state)
        decoded = self.decoder(output).view(-1, self.decoder.out_features)
        return nn.functional.log_softmax(decoded, dim=1), state


def load(model: Model, weights: dict[str, torch.Tensor]) -> None:
    """Take over the weights of one of our networks, so that both sides compute the same losses."""
    names = {"encoder.weight": "embedding.W", "decoder.weight": "output.W", "decoder.bias": "output.b"}
    for name in model.rnn.state_dict():  # weight_ih_l0 is our layers.0.W_ih
        kind, part, depth = name.split("_")
        names[f"rnn.{name}"] = f"layers.{depth[1:]}.{'W' if kind == 'weight' else 'b'}_{part}"
    model.load_state_dict({name: weights[ours] for name, ours in names.items()})


def updates(problem: Problem) -> Iterator[float | None]:
    """Train; yields the mean loss of every update, after a None once there is everything but the model."""
    if problem.precision == "float64":
        torch.set_default_dtype(torch.float64)
    stream = torch.from_numpy(given.stream(problem))
    yield None
    model = Model(problem.vocabulary, problem.hidden, problem.layers)
    if problem.given_weights:
        load(model, {name: torch.from_numpy(W) for name, W in given.weights(problem).items()})
    N = len(stream) // problem.batch
    data = stream[: N * problem.batch].view(problem.batch, N).t().contiguous()
    criterion = nn.NLLLoss()
    zeros = torch.zeros(problem.layers, problem.batch, problem.hidden)
    state = (zeros, zeros)
    model.train()
    for i in range(0, N - 1, problem.truncation):
        steps = min(problem.truncation, N - 1 - i)
        inputs, targets = data[i : i + steps], data[i + 1 : i + 1 + steps].reshape(-1)
        model.zero_grad()
        state = tuple(part.detach() for part in state)
        log_probs, state = model(inputs, state)
        loss = criterion(log_probs, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), problem.clip)
        for p in model.parameters():
            p.data.add_(p.grad, alpha=-problem.lr)
        yield loss.item()
