"""What large or quickly changing outputs of the last recurrent layer cost in training (Merity et al., 2017)."""

from torch import Tensor


def activation_penalty(dropped: Tensor, hidden: Tensor, live: Tensor | None, size: float, change: float) -> Tensor:
    """Outputs of the last layer (T, B, F), with and without dropout, where it is not padding (T, B) -> penalty, 0-d.

    sum_t,b mean_f(size * dropped[t]**2) + sum_t>0,b mean_f(change * (hidden[t] - hidden[t-1])**2)
    """
    steps = dropped.square().mean(dim=2)
    changes = (hidden[1:] - hidden[:-1]).square().mean(dim=2)
    if live is not None:
        steps, changes = steps[live], changes[live[1:] & live[:-1]]
    return size * steps.sum() + change * changes.sum()
