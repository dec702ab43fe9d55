"""How probable a network makes every target of a text, with its weights as they are, moving, or with units dropped."""

from collections.abc import Callable, Iterable, Sequence
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

    def static(self, windows: Iterable[Window]) -> Targets:
        """With the weights as they are."""
        return self._read(windows, None)

    def moving(self, windows: Iterable[Window], weights: MovingWeights) -> Targets:
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

    def _read(self, windows: Iterable[Window], weights: MovingWeights | None) -> Targets:
        state: State = ()  # the first window starts a new one
        symbols, nats, hidden = [], [], []
        for window in windows:
            self.check()
            if window.starts:
                state = self.model.initial_state(1)
            inputs, targets = self.device.tensors(window)
            with self.device.autocast():
                if self.keep_hidden:
                    hidden.append(self._hidden(inputs, state))
                each, after = self.model.target_nats(inputs, targets, state)
            symbols.append(window.targets[:, 0])
            nats.append(each.double().cpu().numpy()[:, 0])
            if weights is not None:
                gradients, after = mean_gradients(self.model, window, self.device, state)
                weights.step(gradients)
            state = after
        return Targets(np.concatenate(symbols), np.concatenate(nats), np.concatenate(hidden) if hidden else None)

    def _hidden(self, inputs: torch.Tensor, state: State) -> np.ndarray:
        hidden = self.model.hidden_outputs(inputs, state)
        if hidden is None:
            name = type(self.model).__name__
            raise ConfigError(f"runner.method=cache needs what the output layer reads, which {name} does not tell")
        found: np.ndarray = hidden.float().cpu().numpy()[:, 0]
        return found
