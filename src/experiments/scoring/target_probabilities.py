"""How probable a network makes every target of a text, with its weights as they are, moving, or with units dropped."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch

from ..config.errors import ConfigError
from ..interfaces.data import Window
from ..interfaces.model import Model, State
from ..training.device import Device
from .dynamic_evaluation import MovingWeights, mean_gradients


class Targets(NamedTuple):
    """The N targets of a text in their order."""

    symbols: np.ndarray  # (N,)
    nats: np.ndarray  # (N,) float64, negative log-likelihoods
    hidden: np.ndarray | None  # (N, F) what the output layer reads; None where it was not asked for


class Reader:
    """Reads a text in one column from its beginning."""

    def __init__(self, model: Model, device: Device, check: Callable[[], None], seed: int, keep_hidden: bool):
        """`check` is called for every window, `seed` is that of dropout.

        `keep_hidden`: hidden outputs are wanted, ConfigError if there are none.
        """
        self.model, self.device, self.check, self.seed, self.keep_hidden = model, device, check, seed, keep_hidden

    def static(self, windows: Sequence[Window]) -> Targets:
        """With the weights as they are."""
        return self._read(windows, None)

    def moving(self, windows: Sequence[Window], weights: MovingWeights) -> Targets:
        """With weights that move after every window."""
        with weights:
            return self._read(windows, weights)

    def dropped(self, windows: Sequence[Window], samples: int) -> Targets:
        """The mean probability over several readings with dropout as in training (Gal and Ghahramani, 2016)."""
        was_training = self.model.training
        self.model.train()
        try:
            torch.manual_seed(self.seed)
            found = [self._read(windows, None) for _ in range(samples)]
        finally:
            self.model.train(was_training)
        nats = -np.logaddexp.reduce([-each.nats for each in found], axis=0) + np.log(samples)
        hidden = [each.hidden for each in found if each.hidden is not None]
        return Targets(found[0].symbols, nats, np.mean(hidden, axis=0) if hidden else None)

    def _read(self, windows: Sequence[Window], weights: MovingWeights | None) -> Targets:
        """Results go into arrays that are allocated once: small ones between large buffers would fragment memory."""
        state: State = ()  # the first window starts a new one
        number, first = sum(window.count for window in windows), 0
        symbols, nats, hidden = np.empty(number, np.int64), np.empty(number), None
        for window in windows:
            self.check()
            if window.starts:
                state = self.model.initial_state(1)
            inputs, targets = self.device.tensors(window)
            read = slice(first, first + window.count)
            with self.device.autocast():
                if self.keep_hidden:
                    found = self._hidden(inputs, state)
                    hidden = np.empty((number, found.shape[1]), np.float32) if hidden is None else hidden
                    hidden[read] = found
                each, after = self.model.target_nats(inputs, targets, state)
            symbols[read], nats[read] = window.targets[:, 0], each[:, 0].double().cpu().numpy()
            if weights is not None:
                gradients, after = mean_gradients(self.model, window, self.device, state)
                weights.step(gradients)
            state, first = after, read.stop
        return Targets(symbols, nats, hidden)

    def _hidden(self, inputs: torch.Tensor, state: State) -> np.ndarray:
        """What the output layer reads (T, F)."""
        hidden = self.model.hidden_outputs(inputs, state)
        if hidden is None:
            name = type(self.model).__name__
            raise ConfigError(f"runner.method=cache needs what the output layer reads, which {name} does not tell")
        found: np.ndarray = hidden[:, 0].float().cpu().numpy()
        return found
