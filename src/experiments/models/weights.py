"""The weights of a recurrent network as modules without any computation: the NumPy and the torch network share them."""

import torch
from torch import nn


class EmbeddingWeights(nn.Module):
    """W (V, E): one row per symbol."""

    def __init__(self, num_inputs: int, size: int):
        super().__init__()
        self.W = nn.Parameter(torch.empty(num_inputs, size))


class RecurrentWeights(nn.Module):
    """W_ih (G*H, in), W_hh (G*H, H), b_ih (G*H) and b_hh (G*H), which is zero with a single bias."""

    def __init__(self, gates: int, input_size: int, hidden_size: int, bias: str):
        super().__init__()
        self.W_ih = nn.Parameter(torch.empty(gates * hidden_size, input_size))
        self.W_hh = nn.Parameter(torch.empty(gates * hidden_size, hidden_size))
        self.b_ih = nn.Parameter(torch.empty(gates * hidden_size))
        if bias == "double":
            self.b_hh = nn.Parameter(torch.empty(gates * hidden_size))
        else:
            self.register_buffer("b_hh", torch.zeros(gates * hidden_size), persistent=False)


class ProjectionWeights(nn.Module):
    """W (E, H): features -> the embedding's space, for a tied embedding of another size."""

    def __init__(self, hidden_size: int, embedding_size: int):
        super().__init__()
        self.W = nn.Parameter(torch.empty(embedding_size, hidden_size))


class OutputWeights(nn.Module):
    """W (K, F) and b (K): features -> outputs. Tied, it has no W of its own but uses the embedding's."""

    def __init__(self, num_features: int, num_outputs: int, tied: bool):
        super().__init__()
        if not tied:
            self.W = nn.Parameter(torch.empty(num_outputs, num_features))
        self.b = nn.Parameter(torch.empty(num_outputs))


def num_parameters(module: nn.Module | None) -> int:
    """The number of trainable parameters of a module; 0 for None."""
    return 0 if module is None else sum(p.numel() for p in module.parameters())
