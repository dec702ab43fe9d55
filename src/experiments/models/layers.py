"""The parts of a recurrent network: parameters and nothing else, since NumPy and torch compute with the same ones."""

import torch
from torch import nn


class Embedding(nn.Module):
    """W (V, E): one row per symbol."""

    def __init__(self, num_inputs: int, size: int):
        super().__init__()
        self.W = nn.Parameter(torch.empty(num_inputs, size))


class RecurrentLayer(nn.Module):
    """W_ih (G*H, in), W_hh (G*H, H), b_ih (G*H) and b_hh (G*H), which a single bias keeps at zero."""

    def __init__(self, gates: int, input_size: int, hidden_size: int, bias: str):
        super().__init__()
        self.W_ih = nn.Parameter(torch.empty(gates * hidden_size, input_size))
        self.W_hh = nn.Parameter(torch.empty(gates * hidden_size, hidden_size))
        self.b_ih = nn.Parameter(torch.empty(gates * hidden_size))
        if bias == "double":
            self.b_hh = nn.Parameter(torch.empty(gates * hidden_size))
        else:
            self.register_buffer("b_hh", torch.zeros(gates * hidden_size), persistent=False)


class Projection(nn.Module):
    """W (E, H): features -> the embedding's space, for tied weights of another size."""

    def __init__(self, hidden_size: int, embedding_size: int):
        super().__init__()
        self.W = nn.Parameter(torch.empty(embedding_size, hidden_size))


class Affine(nn.Module):
    """W (K, F) and b (K): features -> outputs. Tied, it has no W of its own: the embedding's serves."""

    def __init__(self, num_features: int, num_outputs: int, tied: bool):
        super().__init__()
        if not tied:
            self.W = nn.Parameter(torch.empty(num_outputs, num_features))
        self.b = nn.Parameter(torch.empty(num_outputs))


def num_parameters(module: nn.Module | None) -> int:
    """Trainable numbers in a module; 0 for None."""
    return 0 if module is None else sum(p.numel() for p in module.parameters())
