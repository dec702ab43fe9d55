"""Recurrent layers by hand against torch's own: the part `cells`."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from .alternate import Figures, figures_of, turns
from .results import Result


class Size(NamedTuple):
    T: int
    B: int
    H: int  # units, and numbers that the layer reads


SIZES = [
    Size(2, 20, 100),  # so few steps that ours is torch's
    Size(5, 10, 100),
    Size(200, 1, 100),
    Size(35, 20, 100),
    Size(35, 20, 200),
    Size(35, 20, 650),
    Size(35, 20, 1500),
    Size(400, 64, 128),
]
CELLS = ("gru", "tanh")
TURNS = 7
SECONDS = 0.05  # of CPU in a turn, at least


def cells() -> Result:
    """A layer of GRU or simple network, forward and backward in float32 on one thread: ms of CPU.

    Both sides take turns in one process. The gradients of inputs, state and weights differ by their largest difference
    relative to the largest number of the same gradient.
    """
    rows, found = [], {}
    for cell in CELLS:
        for size in SIZES:
            name = ", ".join(f"{k}={v}" for k, v in size._asdict().items())
            sides, difference = compare(cell, size)
            found[f"{cell}, {name}"] = sides
            torchs, ours = (figures.seconds for figures in sides.values())
            times = [f"{1e3 * seconds:.3g}" for seconds in (torchs, ours)]
            rows.append([cell, name, *times, f"{torchs / ours:.2f}", difference])
            print(f"  {rows[-1]}, load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
    head = ["cell", "size", "torch's own", "ours", "times faster", "gradients differ by"]
    return Result.of("Recurrent cells", cells.__doc__, head, rows, found, peers=("torch's own",))


def compare(cell: str, size: Size, precision: str = "float32") -> tuple[dict[str, Figures], float]:
    """Seconds of CPU of torch's layer and ours, and how far their gradients are apart."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        torchs, ours = sides(cell, size, getattr(torch, precision))
        apart = max(((a - b).abs().max() / b.abs().max()).item() for a, b in zip(ours(), torchs()))
        measured = zip(*by_turns(torchs, ours))
    finally:
        torch.set_num_threads(threads)
    figures = [figures_of([{"seconds": one, "cpu_seconds": one} for one in side]) for side in measured]
    return dict(zip(("torch's own", "ours"), figures)), apart


def sides(cell: str, size: Size, dtype: Any) -> list[Callable[[], Any]]:
    """Torch's layer and ours with the same numbers: each call hands back all gradients."""
    import torch

    from experiments.models.torch.recurrent import TORCH, recurrent_layer

    (T, B, H), rows = size, size.H * (3 if cell == "gru" else 1)
    shapes, seeded = [(T, B, H), (1, B, H), (T, B, H)], torch.Generator().manual_seed(0)
    x, h, d_out = (torch.randn(shape, generator=seeded) for shape in shapes)
    shapes, most = [(rows, H), (rows, H), (rows,), (rows,)], H**-0.5
    weights = [torch.empty(shape).uniform_(-most, most, generator=seeded) for shape in shapes]
    x, h, *weights = (part.to(dtype).requires_grad_() for part in (x, h, *weights))

    def by(layer: Callable[..., tuple]) -> Callable[[], Any]:
        return lambda: torch.autograd.grad(layer()[0], [x, h, *weights], d_out.to(dtype))

    return [
        by(lambda: TORCH[cell](x, h, weights, True, 1, 0.0, True, False, False)),
        by(lambda: recurrent_layer(cell, x, (h,), weights, True)),
    ]


def by_turns(*functions: Callable[[], Any]) -> Iterator[list[float]]:
    """Seconds of CPU of one call of each, TURNS times."""
    times = max(1, round(SECONDS / max(seconds(functions[0], 1), 1e-6)))
    for _ in range(turns(TURNS)):
        yield [seconds(function, times) for function in functions]


def seconds(function: Callable[[], Any], times: int) -> float:
    """Of CPU, for one of so many calls."""
    began = time.process_time()
    for _ in range(times):
        function()
    return (time.process_time() - began) / times
