"""The steps of `ours` up to the gradients: score and backward, no optimizer."""

from collections.abc import Iterator

from . import ours  # sets up torch's threads, so it comes first

# isort: split
import torch

from .problem import Problem


def updates(problem: Problem) -> Iterator[None]:
    windows, build = ours.prepared(problem)
    yield None
    model = build().model
    state = model.initial_state(problem.batch)
    for window in windows:
        score, state = model(torch.from_numpy(window.inputs), torch.from_numpy(window.targets), state)
        score.loss.backward()
        state = tuple(part.detach() for part in state)
        model.zero_grad()
        yield None
