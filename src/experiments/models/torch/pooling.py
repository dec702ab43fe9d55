"""One summary of all steps for a sequence's label, in torch; numpy/pooling.py is the same by hand."""

import torch
from torch import Tensor

from ...interfaces.model import State


def initial_pools(kind: str, zeros: Tensor) -> State:
    """The state before the first step: the number of steps (1, B, 1), for each part (1, B, F) like `zeros`; or none."""
    if kind == "last":
        return ()
    steps = torch.zeros((1, zeros.shape[1], 1), dtype=torch.int64, device=zeros.device)
    start = {"mean": 0.0, "max": -torch.inf}
    return steps, *(torch.full_like(zeros, start[part]) for part in kind.split("_"))


def pool(kind: str, hidden: Tensor, live: Tensor | None, pools: State) -> tuple[Tensor, State]:
    """hidden (T, B, F), live (T, B) bool -> summary (1, B, F) or of both parts (1, B, 2F), pools after.

    The mean and the maximum over all steps of the sequence so far; zero before any step.
    """
    live = None if live is None else live[:, :, None]
    steps = pools[0] + (len(hidden) if live is None else live.sum(dim=0, keepdim=True))
    after, summary = [steps], []
    for part, before in zip(kind.split("_"), pools[1:]):
        if part == "mean":
            masked = hidden if live is None else hidden.masked_fill(~live, 0.0)
            after.append(before + masked.sum(dim=0, keepdim=True))
            summary.append(after[-1] / steps.clamp(min=1).to(hidden.dtype))
        else:
            masked = hidden if live is None else hidden.masked_fill(~live, -torch.inf)
            after.append(torch.maximum(masked.amax(dim=0, keepdim=True), before))
            summary.append(torch.where(steps > 0, after[-1], 0.0))
    return torch.cat(summary, dim=2), tuple(after)
