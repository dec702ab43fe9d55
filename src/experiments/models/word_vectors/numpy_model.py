"""Word vectors in NumPy: torch stores the parameters and applies the optimizer, the gradients are by hand."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..numpy.layers import RowGradient
from ..numpy.word_losses import negative_sampling, softmax, sources_backward, sources_forward
from .examples import Examples
from .model import WordVectors


class NumpyWordVectors(WordVectors):
    """See `WordVectors`; the maths is in numpy/word_losses.py."""

    computes_without_torch = True

    def costs(self, examples: Examples, drawn: Tensor | None) -> tuple[Tensor, int | None]:
        learns = torch.is_grad_enabled()
        arrays = [part.numpy() for part in examples] + [None if drawn is None else drawn.numpy()]
        loss, correct = _Costs.apply(self, learns, arrays, self.embedding.W, self.output.W)  # type: ignore[no-untyped-call]
        return loss, correct


class _Costs(torch.autograd.Function):
    """Both matrices -> (loss, correct), a node of torch's graph whose gradients are computed with the loss."""

    @staticmethod
    def forward(
        ctx: Any, model: NumpyWordVectors, learns: bool, arrays: list[Any], *weights: Tensor
    ) -> tuple[Tensor, int | None]:
        sources, rows, targets, drawn = arrays
        W, U = (weight.detach().numpy() for weight in weights)
        h = sources_forward(W, sources)
        d_U: Any
        if drawn is None:
            loss, correct, d_h, d_U = softmax(h, U, rows, targets)
        else:
            correct = None
            loss, d_h, d_U = negative_sampling(h, U, rows, np.column_stack([targets, drawn]))
        if learns:
            d_W = sources_backward(d_h, sources)
            ctx.gradients = [_gradient(model, *pair) for pair in zip((d_W, d_U), weights)]
        return torch.tensor(loss, dtype=weights[0].dtype), correct

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_loss: Tensor, _: None) -> tuple[Tensor | None, ...]:
        gradients, ctx.gradients = ctx.gradients, None
        return None, None, None, *(g if d_loss == 1 else g * d_loss for g in gradients)


def _gradient(model: NumpyWordVectors, gradient: Any, weight: Tensor) -> Tensor:
    if not isinstance(gradient, RowGradient):
        return torch.from_numpy(gradient)
    if not model.is_sparse(len(gradient.ids)):
        return torch.from_numpy(gradient.dense(len(weight)))
    ids, values = torch.from_numpy(gradient.ids)[None], torch.from_numpy(gradient.values)
    return torch.sparse_coo_tensor(ids, values, weight.shape, check_invariants=False, is_coalesced=True)
