"""The weights of a recurrent network as modules without any computation: the NumPy and the torch network share them."""

import torch
from torch import Tensor, nn

from ..config.checks import above


class Weights(nn.Module):
    """One parameter for each name and shape, in this order."""

    W: Tensor
    b: Tensor

    def __init__(self, **shapes: tuple[int, ...]):
        super().__init__()
        for name, shape in shapes.items():
            self.register_parameter(name, nn.Parameter(torch.empty(shape)))


class RecurrentWeights(Weights):
    """W_ih (G*H, in), W_hh (G*H, H), b_ih (G*H) and b_hh (G*H), which is zero with a single bias."""

    W_ih: Tensor
    W_hh: Tensor
    b_ih: Tensor
    b_hh: Tensor

    def __init__(self, gates: int, input_size: int, hidden_size: int, bias: str):
        rows = gates * hidden_size
        biases = {"b_ih": (rows,), "b_hh": (rows,)} if bias == "double" else {"b_ih": (rows,)}
        super().__init__(W_ih=(rows, input_size), W_hh=(rows, hidden_size), **biases)
        if bias == "single":
            self.register_buffer("b_hh", torch.zeros(rows), persistent=False)


def num_parameters(module: nn.Module | None) -> int:
    """The number of trainable parameters of a module; 0 for None."""
    return 0 if module is None else sum(p.numel() for p in module.parameters())


def set_up_embedding(
    embedding: nn.Module | None, source: str | None, std: float | None, frozen: bool, layers_from: str | None = None
) -> None:
    """Fix an embedding if it is `frozen`. ValueError if options are given for one that is not there.

    `source` and `std` are what its vectors begin as, which are set later; `layers_from` brings vectors itself.
    """
    if source is not None and layers_from is not None:
        raise ValueError(
            f"layers_from={layers_from} and embedding_from={source} do not go together: give model.embedding_from=null"
        )
    above(0, embedding_std=std)
    if std is not None and source is None:
        raise ValueError(f"embedding_std={std} scales given vectors: give model.embedding_from=RUN_ID")
    if embedding is None and (source is not None or frozen):
        option = "embedding_frozen=true" if source is None else f"embedding_from={source}"
        raise ValueError(f"{option} needs an embedding, but embedding_size is null: give model.embedding_size=100")
    if embedding is not None and frozen:
        embedding.requires_grad_(False)
