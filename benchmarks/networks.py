"""The parts that measure updates of networks: speed beside a plain program and beside bare products, and memory."""

import dataclasses
import shutil
import statistics

from experiments.training.device_choice import has_bfloat16

from .alternate import Figures, Side, alternate, check_losses, figures_of, largest_difference, mean_losses, run, turns
from .floor import operations
from .problem import Problem
from .results import PRODUCTS, Result
from .tables import TIMES, ratios, times

MB = 1e6
SIZES = (200, 650, 1500)
TORCH = Problem()
NUMPY = Problem(model="numpy_rnn", layers=1, bias="single", hidden=100, clip=None, lr=0.1)
SMALL = dataclasses.replace(NUMPY, vocabulary=418, batch=10, truncation=5, updates=2000, warm_up=200, threads=1)
SHARE = "share of the products' speed"
LOWER_TOLERANCE, DROPOUT_TOLERANCE = 0.01, 0.02  # of losses, relative: in bfloat16, and their means with dropout


def torch_networks() -> Result:
    """Two layers of LSTM over 10,000 words, B=20, T=35, by size.

    "Straightforward" is the loop of PyTorch's word-language-model example: `nn.Embedding`, `nn.LSTM`, `nn.Linear`,
    `log_softmax`, `nll_loss`, `clip_grad_norm_`, gradient descent by hand, untied. "torch.compile" is the same loop
    with the model and its loss compiled; the updates in which it compiles are not counted. With dropout the two sides
    draw different masks, so that of their losses only the means over all updates can agree. A processor without
    instructions for bfloat16 has no rows of it: there it takes ten times as long and more.
    """
    rows, found, drawn = [], {}, {}
    for hidden in SIZES:
        problem = dataclasses.replace(TORCH, hidden=hidden, updates={200: 40, 650: 16, 1500: 8}[hidden], warm_up=4)
        lower = dataclasses.replace(problem, precision="bfloat16")
        sides = {"straightforward": Side("straightforward", problem)}
        sides |= {"torch.compile": Side("compiled", problem)} if shutil.which("g++") else {}
        sides |= {"ours": Side("ours", problem)}
        sides |= {"ours in bfloat16": Side("ours", lower)} if has_bfloat16() else {}
        group = found[f"2x{hidden}"] = alternate(sides | {PRODUCTS: Side("floor", problem)}, rounds=3)
        check_losses(group, LOWER_TOLERANCE)
        drawn[f"2x{hidden}"] = {label: problem.batch * problem.truncation / f.seconds for label, f in group.items()}
        rows += compared(f"2x{hidden}", problem, group)
    found["2x200, dropout 0.2"] = group = with_dropout()
    rows += compared("2x200, dropout 0.2", TORCH, group)
    head = ["network", "side", *TIMES, "times straightforward", SHARE, "losses differ by"]
    peers = ("straightforward", "torch.compile")
    return Result.of("Torch networks", torch_networks.__doc__, head, rows, found, peers=peers, drawn=drawn)


def with_dropout() -> dict[str, Figures]:
    """The example of PyTorch with its own dropout and learning rate, and ours."""
    problem = dataclasses.replace(TORCH, dropout=0.2, lr=20.0)
    sides = {"straightforward": Side("straightforward", problem), "ours": Side("ours", problem)}
    found = alternate(sides | {PRODUCTS: Side("floor", problem)}, rounds=3)
    found = {label: mean_losses(figures) for label, figures in found.items()}
    check_losses(found, DROPOUT_TOLERANCE)
    return found


def compared(group: str, problem: Problem, found: dict[str, Figures]) -> list[list]:
    """Rows of a group whose last side is PRODUCTS.

    Times, how many times its first side, share of the products' speed, difference of losses.
    """
    peer, floor = next(iter(found.values())), found[PRODUCTS]
    rows = []
    for label, figures in found.items():
        difference = largest_difference(figures, peer) if figures.losses[0] is not None else None
        faster, share = ratios(figures, peer, floor)
        share = None if "bfloat16" in label else share  # the products are those of float32
        rows.append([group, label, *times(figures, problem), faster, share, difference])
    rows[-1][-1] = f"{operations(problem) / floor.seconds / 1e9:.0f} GFLOP/s"
    return rows


def numpy_networks() -> Result:
    """One simple recurrent layer of 100 units, the network of the from-scratch book, in NumPy.

    "One function" is the same small network written for speed alone, with large arrays allocated once and nothing
    general: a framework could hardly be faster. At V=418 every side has one thread, which is what ours would choose.
    """
    rows, found = [], {}
    for name, problem in {"V=418, B=10, T=5": SMALL, "V=10,000, B=20, T=35": NUMPY}.items():
        names = {"textbook": "textbook", "ours": "ours", "ours, without optimizer and loop": "bridge"}
        names |= {"ours, NumPy's part alone": "maths"}
        names |= {"one function": "lean"} if problem is SMALL else {}
        names |= {PRODUCTS: "floor"}
        found[name] = alternate({label: Side(side, problem) for label, side in names.items()}, rounds=5)
        rows += compared(name, problem, found[name])
    head = ["problem", "side", *TIMES, "times the textbook", SHARE, "losses differ by"]
    return Result.of("NumPy networks", numpy_networks.__doc__, head, rows, found, peers=("textbook", "one function"))


def memory() -> Result:
    """By how much the process grows at most from before the model is built, 2x200 over 100,000 words."""
    problem = dataclasses.replace(TORCH, vocabulary=100_000, updates=4, warm_up=2, given_weights=False)
    found = alternate({side: Side(side, problem) for side in ("straightforward", "ours")}, rounds=3)
    rows = [[label, f"{f.memory / MB:.0f}", *times(f, problem)] for label, f in found.items()]
    rows[1].append(f"{found['ours'].memory / found['straightforward'].memory:.2f}")
    head, both = ["side", "MB", *TIMES, "share"], {"2x200": found}
    peers = ("straightforward",)
    return Result.of("Memory", memory.__doc__, head, rows, both, peers=peers, figures=("memory", "seconds"))


def growth() -> Result:
    """Our network's cost and peak memory as one size grows and the others stay: V=10,000, B=20, T=35, 2x200."""
    base = dataclasses.replace(TORCH, updates=20, warm_up=4, given_weights=False)
    axes = {"truncation": (10, 35, 140), "batch": (5, 20, 80), "vocabulary": (1000, 10_000, 100_000)}
    axes |= {"hidden": (100, 200, 400), "layers": (1, 2, 4), "tokens": (10**5, 10**6, 10**7, 10**8)}
    rows, found, drawn = [], {}, {}
    for axis, values in axes.items():
        drawn[axis] = {}
        for value in values:
            problem = dataclasses.replace(base, **{axis: value})
            if axis == "tokens" and value == 10**5:
                updates = 100_000 // (base.batch * base.truncation) - base.warm_up - 1
                problem = dataclasses.replace(problem, updates=updates)
            once = figures_of([run(Side("ours", problem)) for _ in range(turns(3))])
            per_token = drawn[axis][value] = 1e6 * once.seconds / (problem.batch * problem.truncation)
            sizes = sorted(turn["memory"] / MB for turn in once.turns)
            size = [f"{statistics.median(sizes):.0f}", f"{sizes[0]:.0f} to {sizes[-1]:.0f}"]
            rows.append([f"{axis}={value:,}", f"{per_token:.1f}", *size])
            found[f"{axis}={value:,}"] = {"ours": once}
    head = ["size", "microseconds per token", "MB", "of all runs"]
    figures = ("seconds", "memory")
    return Result.of("Growth", growth.__doc__, head, rows, found, figures=figures, drawn=drawn)
