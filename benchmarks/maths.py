"""The steps of our NumPy network in NumPy alone: forward, loss, backward; no torch, no optimizer."""

from collections.abc import Iterator

import numpy as np

from experiments.models.numpy import heads
from experiments.models.numpy.layers import live_steps

from . import ours
from .problem import Problem


def updates(problem: Problem) -> Iterator[None]:
    windows, build = ours.prepared(problem)
    yield None
    model = build().model
    parameters = model.parameter_arrays()
    masks = [None] * (problem.layers + 1)
    states = model.split(tuple(part.numpy() for part in model.initial_state(problem.batch)))
    nothing = [tuple(np.zeros_like(part) for part in own) for own in states]
    for window in windows:
        stack = model.stack(parameters, problem.truncation, masks)
        outputs, states, caches = stack.forward(window.inputs, states, live_steps(window.inputs))
        _, d_outputs, _ = heads.cross_entropy(outputs, window.targets)
        stack.backward(d_outputs, nothing, caches)
        yield None
