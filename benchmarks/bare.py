"""The steps of `ours` without the loop around them: tensors that are there, score, backward, step."""

from collections.abc import Iterator

from . import ours  # sets up torch's threads, so it comes first

# isort: split
import torch

from .problem import Problem


def updates(problem: Problem) -> Iterator[None]:
    windows, build = ours.prepared(problem)
    yield None
    tbptt = build()
    pairs = [(torch.from_numpy(window.inputs), torch.from_numpy(window.targets)) for window in windows]
    state = tbptt.model.initial_state(problem.batch)
    for inputs, targets in pairs:
        score, state = tbptt.model(inputs, targets, state)
        score.loss.backward()
        tbptt.gradients.step(inputs.numel(), measured=False)
        state = tuple(part.detach() for part in state)
        yield None
