"""The steps of `ours` up to the gradients, which become tensors: no optimizer, no loop."""

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
        _, state = model.learn(torch.from_numpy(window.inputs), torch.from_numpy(window.targets), state)
        model.zero_grad()
        yield None
