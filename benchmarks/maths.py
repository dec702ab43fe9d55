"""The steps of our NumPy network in NumPy alone: forward, loss, backward; no torch, no optimizer."""

from collections.abc import Iterator

import numpy as np

from experiments.models.numpy import heads

from . import ours
from .problem import Problem


def updates(problem: Problem) -> Iterator[None]:
    windows, build = ours.prepared(problem)
    yield None
    model = build().model
    parameters = {name: weight.detach().numpy() for name, weight in model.named_weights()}
    state = tuple(part.numpy() for part in model.initial_state(problem.batch))
    nothing = tuple(np.zeros_like(part) for part in state)
    masks = [None] * (problem.layers + 1)
    for window in windows:
        outputs, state, cache = model.read(parameters, window.inputs, state, masks)
        _, d_outputs, _ = heads.cross_entropy(outputs, window.targets.ravel())
        model.read_backward(cache, d_outputs, nothing)
        yield None
