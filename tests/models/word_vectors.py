"""Small word-vector models for the tests."""

import torch

from experiments.models.word_vectors.numpy_model import NumpyWordVectors
from experiments.models.word_vectors.torch_model import TorchWordVectors

OPTIONS = {
    "predicts": "neighbours",
    "context_size": 2,
    "embedding_size": 4,
    "loss": "softmax",
    "negatives": 3,
    "noise_power": 0.75,
    "shrink_context": False,
    "subsample": None,
}
KINDS = {"numpy": NumpyWordVectors, "torch": TorchWordVectors}
SYMBOLS = 9
COUNTS = [5, 1, 0, 7, 2, 3, 1, 1, 9]


def word_vectors(kind: str, seed: int = 0, **options):
    """A float64 model over SYMBOLS symbols whose output vectors are not zero, as they are at the start."""
    torch.manual_seed(seed)
    model = KINDS[kind](SYMBOLS, SYMBOLS, symbol_counts=COUNTS, **{**OPTIONS, **options}).double()
    torch.nn.init.normal_(model.embedding.W)
    torch.nn.init.normal_(model.output.W)
    return model


def read_in_windows(model, stream, steps: int):
    """A stream (N, B) of symbols read in windows of so many steps -> the score of each window."""
    scores, state = [], model.initial_state(stream.shape[1])
    for start in range(0, len(stream) - 1, steps):
        last = min(start + steps, len(stream) - 1)
        score, state = model.score(stream[start:last], stream[start + 1 : last + 1], state)
        scores.append(score._replace(loss=score.loss.detach()))
    return scores
