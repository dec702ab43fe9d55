"""A step-by-step calculation as text that a student can follow, and as rows."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np

from .step_trace import BACKWARD, FORWARD, Quantity, StepTrace
from .tables import Row

LARGEST = 10_000  # numbers of an array of which all are rows; of larger ones only the norm is
FORMULAS = {  # of a step, in the words of the trace
    "tanh": ("z = W_ih x + b_ih + W_hh h_before + b_hh", "h = tanh(z)"),
    "relu": ("z = W_ih x + b_ih + W_hh h_before + b_hh", "h = max(0, z)"),
    "lstm": (
        "z = W_ih x + b_ih + W_hh h_before + b_hh, its rows one block per gate: i, f, g, o",
        "i, f, o = sigmoid of z_i, z_f, z_o;  g = tanh(z_g);  c = f c_before + i g;  h = o tanh(c)",
    ),
    "gru": (
        "z = W_ih x + b_ih + W_hh h_before + b_hh, its rows one block per gate: r, z, n; the parts of z_n stay apart",
        "r, z = sigmoid of z_r, z_z;  n = tanh(z_n of x + r z_n of h);  h = (1 - z) n + z h_before",
    ),
}
FEW = 3  # numbers shown at each end of an array that is too large


class Form(NamedTuple):
    """How numbers are shown."""

    digits: int  # after the point
    most: int  # numbers of a vector or row, and rows of a matrix, that are all shown
    values: bool  # False: only shapes and norms


class Step(NamedTuple):
    """What a step reads and is to predict, as people read them."""

    reads: str
    target: str | None  # None: nothing is predicted


def trace_parts(trace: StepTrace, steps: Sequence[Step], form: Form) -> Iterator[str]:
    """The lines of the forward and of the backward pass."""
    for phase, quantities in ((FORWARD, trace.forward), (BACKWARD, trace.backward)):
        yield f"{phase} pass{'' if phase == FORWARD else ', from the last step to the first'}"
        for t, found in groupby(quantities, key=lambda quantity: quantity.step):
            reads, target = steps[t]
            aim = "no target" if target is None else f"target {target}"
            yield f"\nstep {t + 1} of {len(steps)}: reads {reads}, {aim}"
            yield from step_lines([*found], form)
        yield ""


def step_lines(quantities: Sequence[Quantity], form: Form) -> Iterator[str]:
    """A line per quantity, each place named once."""
    width = max(len(quantity.name) for quantity in quantities)
    for place, found in groupby(quantities, key=lambda quantity: quantity.place):
        yield f"  {place}"
        for quantity in found:
            yield from array_lines(f"    {quantity.name:<{width}}", quantity.value, form)


def array_lines(head: str, value: np.ndarray, form: Form) -> Iterator[str]:
    """A head, the shape, and the numbers: of a matrix a line per row; a large array is abbreviated."""
    shape = str(tuple(value.shape)).replace(",)", ")") if value.ndim else ""
    head = f"{head}  {shape:<8}"
    if value.ndim == 0:
        yield f"{head}  {number(value, form)}"
    elif not form.values or (value.ndim > 1 and max(value.shape) > form.most):
        yield f"{head}  norm {number(float(np.linalg.norm(value)), form)}"
    elif value.ndim == 1:
        yield f"{head}  {numbers(value, form)}"
    else:
        for k, row in enumerate(value):
            yield f"{head if k == 0 else ' ' * len(head)}  {numbers(row, form)}"


def numbers(values: np.ndarray, form: Form) -> str:
    """values (n,) in brackets; of too many the first and last."""
    texts = [number(value, form) for value in values]
    if len(values) > form.most:
        rest = f"norm {number(float(np.linalg.norm(values)), form).strip()}"
        return f"[{' '.join(texts[:FEW])}  ...  {' '.join(texts[-FEW:])}]  {rest}"
    return f"[{' '.join(texts)}]"


def number(value: float | np.ndarray, form: Form) -> str:
    """A number with its sign's place kept free."""
    rounded = round(float(value), form.digits) + 0.0  # no -0.0000
    return f"{rounded: .{form.digits}f}"


def weight_lines(weights: Mapping[str, np.ndarray], form: Form) -> Iterator[str]:
    """A line per parameter, or for a small matrix a line per row."""
    width = max(map(len, weights))
    for name, value in weights.items():
        yield from array_lines(f"  {name:<{width}}", value, form)


def sum_lines(
    sums: Mapping[str, np.ndarray], loss: float, learned: Mapping[str, np.ndarray], form: Form
) -> Iterator[str]:
    """The loss of all steps, each parameter's gradient summed over them, and how far `learn` differs from these."""
    yield f"sum of the losses {loss:.{max(4, form.digits)}f}; gradients, summed over the steps"
    yield from weight_lines({name: sums[name] for name in learned}, form)
    yield f"largest difference to the gradients of the model's own learn: {gap_between(sums, learned):.2g}"


def gap_between(sums: Mapping[str, np.ndarray], learned: Mapping[str, np.ndarray]) -> float:
    """The largest difference of two gradients in a number. Raises KeyError if one lacks a parameter."""
    return max(float(np.abs(sums[name] - learned[name]).max()) for name in {**sums, **learned})


def trace_rows(trace: StepTrace, steps: Sequence[Step]) -> Iterator[Row]:
    """A row per number; of an array of more than LARGEST numbers a single one with its norm and the index `norm`."""
    for quantity in [*trace.forward, *trace.backward]:
        where: Row = {"pass": quantity.phase, "step": quantity.step, "symbol": steps[quantity.step].reads}
        where |= {"place": quantity.place, "quantity": quantity.name}
        if quantity.value.size > LARGEST:
            yield where | {"index": "norm", "value": float(np.linalg.norm(quantity.value))}
            continue
        for index, value in np.ndenumerate(quantity.value):
            yield where | {"index": " ".join(map(str, index)), "value": float(value)}
