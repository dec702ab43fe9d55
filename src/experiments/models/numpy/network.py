"""The recurrent network in NumPy as a torch module: torch only stores the parameters and applies the optimizer.

Training calls `learn`, which uses no part of autograd. `score` is a node of torch's graph for callers that want to
differentiate it; its `backward()` runs the same backpropagation.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...interfaces.model import Score, State
from ..network import RecurrentNetwork
from . import heads
from .cells import CELLS, Array, CellState
from .graph_node import QUIET, WindowNode
from .layers import Affine, Dropout, Embedding, Layer, Parameters, Penalty, Stack, States, Vectors, live_steps
from .pooling import EveryStep, LastOutputs, Pooling
from .recurrent import Bidirectional, Recurrent
from .tensors import arrays, as_tensor


class NumpyNetwork(RecurrentNetwork):
    """The network as a `Stack` of NumPy layers, which read the parameters where torch keeps them.

    It is made anew for a window with dropout masks, and where a parameter has moved in memory.
    """

    devices = ("cpu",)
    precisions = ("float32", "float64")
    computes_without_torch = True
    _places: list[tuple[str, dict[str, Any], str]] | None = None  # of the weights: path, its module's, name in these
    _kept: tuple[tuple[int, bool, bool], list[Tensor], Stack] | None = (
        None  # a stack without masks, and what it was made for
    )

    def predict(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """inputs (T, B) -> log-probabilities or, of numbers, outputs (T, B, K); state after. Not differentiable."""
        _, outputs, after, _ = self._forward(inputs, state)
        return torch.from_numpy(outputs if self.real_targets else heads.log_softmax(outputs)), after

    def score(self, inputs: Tensor, targets: Tensor, state: State) -> tuple[Score, State]:
        """inputs and targets (T, B) -> Score, state after."""
        weights = [W for _, W in self.named_weights()]
        results = WindowNode.apply(self, inputs, targets, len(state), *state, *weights)  # type: ignore[no-untyped-call]
        loss, correct, target_nats, *after = results
        return self._score(loss, correct)._replace(target_nats=target_nats), tuple(after)

    @QUIET
    def learn(self, inputs: Tensor, targets: Tensor, state: State) -> tuple[Score, State]:
        """`score`, and add the gradients of its loss to those of the parameters; the loss is a plain number.

        With `class_weights` the loss is that of `weighted_score`.
        """
        stack, outputs, after, caches = self._forward(inputs, state, self.penalizes_steps and self.training)
        if self.class_weights is None:
            loss, d_outputs, correct = self.loss_function(outputs, targets.numpy())
            score = self._score(float(loss), correct)
        else:
            weights = self.class_weights.numpy()
            loss, d_outputs, correct, nats = heads.weighted_cross_entropy(outputs, targets.numpy(), weights)
            score = Score(float(loss), float(nats), correct)
        truncated = tuple(np.zeros(part.shape, outputs.dtype) for part in state)  # no gradient from later windows
        _, _, gradients = stack.backward(d_outputs, self.split(truncated), caches)
        for name, W in self.named_weights():
            if W.requires_grad:
                gradient = as_tensor(gradients[name], W)
                W.grad = gradient if W.grad is None else W.grad.add_(gradient)
        return score, after

    def hidden_outputs(self, inputs: Tensor, state: State) -> Tensor:
        """inputs (T, B) without padding -> what the output layer reads (T, B, F)."""
        masks = arrays(self.dropout_masks(inputs))
        body = Stack(self._body(self.parameter_arrays(), masks))
        hidden, _, _ = body.forward(inputs.numpy(), self.split(arrays(state)))
        return torch.from_numpy(hidden if masks[-1] is None else hidden * masks[-1])

    def _forward(self, inputs: Tensor, state: State, penalized: bool = False) -> tuple[Stack, Array, State, list[Any]]:
        """inputs (T, B) -> the layers, outputs (T, B, K), state after, what `backward` of the layers needs."""
        masks, weight_masks = self.dropout_masks(inputs), self.weight_masks()
        stack = self._stack_of(len(inputs), masks, weight_masks, penalized)
        x = inputs.detach().to(self.output.b.dtype).numpy() if self.real_inputs else inputs.numpy()
        live = live_steps(x) if getattr(inputs, "padded", True) else None
        outputs, after, caches = stack.forward(x, self.split(arrays(state)), live)
        return stack, outputs, tuple(torch.from_numpy(part) for part in self.joined(after)), caches

    def _stack_of(
        self, num_steps: int, masks: list[Tensor | None], weight_masks: dict[str, Tensor], penalized: bool
    ) -> Stack:
        """`stack` over the parameters; without masks the one that was made last, if it would be the same."""
        if weight_masks or any(mask is not None for mask in masks):
            parameters = self.parameter_arrays()
            parameters |= {f"{name} mask": mask.numpy() for name, mask in weight_masks.items()}
            return self.stack(parameters, num_steps, arrays(masks), penalized)
        made_for = (num_steps, self.sparse_gradients, penalized)
        weights = [W for _, W in self.named_weights()]
        if self._kept is None or made_for != self._kept[0] or not all(map(Tensor.is_set_to, weights, self._kept[1])):
            stack = self.stack(self.parameter_arrays(), num_steps, arrays(masks), penalized)
            self._kept = made_for, [W.detach() for W in weights], stack
        return self._kept[2]

    def stack(self, p: Parameters, num_steps: int, masks: Sequence[Array | None], penalized: bool = False) -> Stack:
        """The layers of the network over these parameters, for a window of `num_steps` steps.

        The masks of dropout are for the input of each layer, then for that of the output; `penalized`: in training.
        """
        head = self._head(p, num_steps, masks[-1])
        if penalized:
            size, change = self.penalties
            head = [Penalty(0.0, change), *head]
            head.insert(1 + (masks[-1] is not None), Penalty(size, 0.0))
        return Stack([*self._body(p, masks), *head])

    def _body(self, p: Parameters, masks: Sequence[Array | None]) -> list[Layer]:
        """x as `_forward` reads it -> hidden outputs (T, B, D*H)."""
        reading: list[Layer] = [Vectors()] if self.real_inputs else []  # one-hot vectors are read as ids
        if "embedding.W" in p:
            reading = [Embedding(p, sparse=self.has_sparse_gradient)]
        return [*reading, *self._recurrent_layers(p, masks)]

    def _recurrent_layers(self, p: Parameters, masks: Sequence[Array | None]) -> list[Layer]:
        """x (T, B, E), or ids (T, B) of one-hot vectors -> hidden outputs (T, B, D*H)."""
        cell = CELLS[self.cell]
        layers: list[Layer] = []
        for depth, mask in enumerate(masks[:-1]):
            layers += [] if mask is None else [Dropout(mask)]
            onward = Recurrent(cell, p, f"layers.{depth}")
            if self.bidirectional:
                layers.append(Bidirectional(onward, Recurrent(cell, p, f"reverse_layers.{depth}", reverse=True)))
            else:
                layers.append(onward)
        return layers

    def _head(self, p: Parameters, num_steps: int, mask: Array | None) -> list[Layer]:
        """hidden outputs (T, B, D*H) -> outputs (T, B, K)."""
        layers: list[Layer] = []
        if self.pooling != "last":
            layers.append(Pooling(self.pooling))
        elif self.labels_only:
            layers.append(LastOutputs())
        if mask is not None:
            layers.append(Dropout(mask))
        if self.projection is not None:
            layers.append(Affine(p, "projection.W", None))
        layers.append(Affine(p, "embedding.W" if self.tied else "output.W", "output.b"))
        if self.logistic:
            layers.append(heads.TwoOutputs())
        if self.labels_only:
            layers.append(EveryStep(num_steps))
        return layers

    def split(self, state: CellState) -> States:
        """State of (L*D, B, H) arrays, then what pooling carries -> one state per direction of a layer and pooling."""
        num_arrays = CELLS[self.cell].states
        pooling = [] if self.pooling == "last" else [state[num_arrays:]]
        sizes = [size for size in self.layer_sizes for _ in range(1 + self.bidirectional)]
        runs = zip(sizes, zip(*state[:num_arrays]))
        return [*(tuple(part[:, :size] for part in parts) for size, parts in runs), *pooling]

    def joined(self, states: States) -> CellState:
        """The inverse of `split`."""
        runs, pooling = (states, ()) if self.pooling == "last" else (states[:-1], states[-1])
        return *(np.array([self._filled(part) for part in parts]) for parts in zip(*runs)), *pooling

    def _filled(self, part: Array) -> Array:
        """A part of a layer's state (B, H), with zeros up to the largest H of all layers."""
        missing = max(self.layer_sizes) - part.shape[1]
        return np.pad(part, ((0, 0), (0, missing))) if missing else part

    def named_weights(self) -> list[tuple[str, Tensor]]:
        """`named_parameters` without its search through all modules every time."""
        if self._places is None:
            found = ((path, module._parameters) for path, module in self.named_modules())
            self._places = [(f"{path}.{key}", own, key) for path, own in found for key in own]
        return [(path, own[key]) for path, own, key in self._places]

    def parameter_arrays(self) -> Parameters:
        """The parameters by name as arrays that share their memory."""
        return {name: W.detach().numpy() for name, W in self.named_weights()}

    @property
    def loss_function(self) -> heads.Loss:
        """(outputs, targets) -> summed loss, d_outputs, number of correct targets."""
        return heads.squared_difference if self.real_targets else heads.LOSSES[self.loss]

    def _score(self, loss: Tensor | float, correct: int | None) -> Score:
        return Score(loss, loss if self.loss == "cross_entropy" else None, correct)
