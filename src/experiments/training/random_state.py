"""The random generators of a run."""

import logging
from collections.abc import Mapping
from typing import Any

import torch

from .device import Device
from .threads import num_threads

log = logging.getLogger("experiments")


class RandomState:
    """The random generators that a run draws from, as a part of its training state."""

    def __init__(self, device: Device):
        self._device = device.torch_device

    def state_dict(self) -> dict[str, Any]:
        """Their states, and the number of threads, on which the last bits of sums depend."""
        states = {"cpu": torch.get_rng_state()}
        if self._device.type == "cuda":
            states["cuda"] = torch.cuda.get_rng_state(self._device)
        return {"generators": states, "threads": num_threads()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Logs a warning if the number of threads differs. A GPU keeps its generator if the state has none for it."""
        states, threads = state["generators"], state["threads"]
        torch.set_rng_state(states["cpu"])
        if self._device.type == "cuda" and "cuda" in states:
            torch.cuda.set_rng_state(states["cuda"], self._device)
        if threads != num_threads():
            change = f"{threads} threads before, {num_threads()} now"
            log.warning("%s: the last bits of sums may differ from those of an uninterrupted run", change)
