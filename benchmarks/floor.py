"""The bare matrix products of an update, and nothing else, each in the quicker of the library calls that there are.

Inputs, weight gradients and the output layer are one product each over all time steps; those of the recurrence, forward
and backward, are counted per time step.
"""

import time
from collections.abc import Callable, Iterator

import numpy as np

from .problem import Problem

Products = list[tuple[int, int, int, int, bool, bool]]  # times, rows, inner, columns, and which side is transposed


def products(problem: Problem) -> Products:
    """Every product of an update: (how often, n, k, m, first transposed, second transposed) for (n, k) @ (k, m)."""
    H, V, T, B = problem.hidden, problem.vocabulary, problem.truncation, problem.batch
    n, GH = B * T, problem.gates * H
    directions = 2 if problem.reviews else 1
    found: Products = []
    for depth in range(problem.layers):
        size = (problem.embedding or H) if depth == 0 else directions * H  # of what the layer reads
        layer = [(1, n, size, GH, False, True), (1, GH, n, size, True, False), (1, n, GH, size, False, False)]
        layer += [(T, B, H, GH, False, True), (1, GH, n, H, True, False), (T, B, GH, H, False, False)]  # of its states
        found += directions * layer
    if problem.reviews:  # one logit for a review: too little to count
        return found
    return [*found, (1, n, H, V, False, True), (1, V, n, H, True, False), (1, n, V, H, False, False)]


def operations(problem: Problem) -> int:
    """Floating-point operations of an update's products."""
    return sum(2 * times * n * k * m for times, n, k, m, *_ in products(problem))


def updates(problem: Problem) -> Iterator[None]:
    """Compute the products once per item, each in the quicker of the ways that there are."""
    yield None
    prepared = [_prepare(problem, *product) for product in products(problem)]
    while True:
        for times, multiply in prepared:
            for _ in range(times):
                multiply()
        yield None


def _prepare(problem: Problem, times, n, k, m, first, second) -> tuple[int, Callable[[], object]]:
    generator = np.random.default_rng(0)
    a, b = (
        generator.uniform(-0.1, 0.1, shape) for shape in ((k, n) if first else (n, k), (m, k) if second else (k, m))
    )
    numpy = problem.model.startswith("numpy")
    ways = _numpy_ways if numpy else _torch_ways
    found = ways(problem, a, b, lambda x: x.T if first else x, lambda x: x.T if second else x, (n, m))
    return times, min(found, key=_seconds)


def _numpy_ways(problem, a, b, left, right, shape):
    dtype = np.dtype(problem.precision)
    a, b, out = left(a.astype(dtype)), right(b.astype(dtype)), np.empty(shape, dtype)
    return [lambda: np.matmul(a, b, out=out)]


def _torch_ways(problem, a, b, left, right, shape):
    import torch

    from experiments.models.torch.products import linear

    dtype = getattr(torch, problem.precision)
    a, b = left(torch.from_numpy(a).to(dtype)), right(torch.from_numpy(b).to(dtype))
    out = torch.empty(shape, dtype=dtype)
    return [lambda: torch.mm(a, b, out=out), lambda: linear(a, b.T), lambda: torch.mm(b.T, a.T)]  # or its transpose


def _seconds(way: Callable[[], object]) -> float:
    def once() -> float:
        began = time.perf_counter()
        way()
        return time.perf_counter() - began

    return min(once() for _ in range(5))
