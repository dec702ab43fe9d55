"""Small networks for the tests."""

import torch

from experiments.models.numpy.network import NumpyNetwork
from experiments.models.torch.network import TorchNetwork

OPTIONS = {
    "cell": "lstm",
    "hidden_size": 6,
    "parameters": None,
    "num_layers": 1,
    "bidirectional": False,
    "pooling": "last",
    "embedding_size": 4,
    "embedding_from": None,
    "layers_from": None,
    "embedding_std": None,
    "embedding_frozen": False,
    "tied": False,
    "bias": "double",
    "dropout": 0.0,
    "word_dropout": 0.0,
    "channel_dropout": 0.0,
    "input_dropout": 0.0,
    "output_dropout": 0.0,
    "locked_dropout": False,
    "weight_dropout": 0.0,
    "activation_penalty": 0.0,
    "temporal_penalty": 0.0,
    "output": "softmax",
    "num_samples": 1000,
    "cutoffs": None,
    "tail_divisor": 4.0,
    "loss": "cross_entropy",
    "initialization": "torch",
    "uniform_range": None,
    "forget_bias": 0.0,
    "input_bias": 0.0,
}
KINDS = {"numpy": NumpyNetwork, "torch": TorchNetwork}
SYMBOLS = 5


def network(kind: str, seed: int = 0, **options):
    """A float64 network over SYMBOLS symbols."""
    torch.manual_seed(seed)
    return KINDS[kind](SYMBOLS, **{"num_outputs": SYMBOLS, **OPTIONS, **options}).double()


def window(steps: int, columns: int, seed: int = 1):
    """Random inputs and targets (T, B)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(SYMBOLS, (2, steps, columns), generator=generator).unbind()


def gradients_agree(function, points, cell: str, every_entry: bool) -> bool:
    """Whether gradients are those of numerical differences: every entry, or the product with random vectors.

    The product needs two calls of the function instead of two for each number, and one wrong entry changes it.
    Gradients written by hand are checked entry by entry once for each cell and form; those of autograd need it less.
    """
    near_kinks = {"eps": 1e-7, "atol": 1e-5} if cell == "relu" else {}  # where no derivative is
    return torch.autograd.gradcheck(function, points, fast_mode=not every_entry, **near_kinks)
