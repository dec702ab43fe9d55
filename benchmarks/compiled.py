"""The straightforward model and its loss under torch.compile, which compiles in the first updates."""

from collections.abc import Iterator

import torch

from . import straightforward
from .problem import Problem


def updates(problem: Problem) -> Iterator[float | None]:
    """As `straightforward` trains."""
    return straightforward.updates(problem, torch.compile)
