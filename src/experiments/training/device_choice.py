"""Which device a run computes on, and whether it can be divided between several processes."""

import logging
import os
from typing import Any

import torch

from ..config.errors import ConfigError
from ..config.launch import Launch
from ..config.settings import Settings
from ..interfaces.model import CountedModel, Model
from .device import Device

log = logging.getLogger("experiments")


def choose_device(settings: Settings, model: type[Model], launch: Launch = Launch()) -> Device:  # noqa: B008 - unchanging
    """The device and precision for a class of models. ConfigError if the class or the machine does not support them.

    Each of several processes of a machine has a GPU of its own.
    """
    devices, precisions, name = model.devices, model.precisions, model.__name__
    most = 4 * (os.cpu_count() or 1)
    if settings.threads is not None and settings.threads > most:
        raise ConfigError(f"threads must be at most {most} (four times the processors here), got {settings.threads}")
    if settings.precision not in precisions:
        raise ConfigError(
            f"{name} computes in {', '.join(precisions)}: precision={settings.precision} is not supported"
        )
    has_mps = torch.backends.mps.is_available() and launch.size == 1  # processes cannot exchange what is there
    available = {"cuda": torch.cuda.is_available(), "mps": has_mps, "cpu": True}
    here = [device for device, is_available in available.items() if is_available]
    if settings.device == "auto":
        usable = [device for device in here if device in devices]
        if not usable:
            raise ConfigError(f"{name} runs on {', '.join(devices)}, but there is {', '.join(here)} here")
        return Device(_own(usable[0], launch), settings.precision)
    if settings.device not in devices:
        raise ConfigError(f"{name} runs on {', '.join(devices)}: device={settings.device} is not supported")
    if settings.device not in here:
        raise ConfigError(f"device={settings.device} is not available here; there is {', '.join(here)}")
    return Device(_own(settings.device, launch), settings.precision)


def has_bfloat16() -> bool:
    """Whether this processor multiplies in bfloat16 itself; also True where torch does not know."""
    known: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return known.get("architecture") != "x86_64" or any(known.get(f"{unit}_bf16") for unit in ("avx512", "amx"))


def warn_if_slow(device: Device) -> None:
    """A line to the log if float32 would be many times as fast."""
    if device.precision == "bfloat16" and device.torch_device.type == "cpu" and not has_bfloat16():
        log.warning(
            "precision=bfloat16 is many times slower than float32 on this processor, which has no instructions for "
            "it: type precision=float32"
        )


def _own(kind: str, launch: Launch) -> torch.device:
    """The device of this kind that is this process's."""
    if kind != "cuda" or launch.size == 1:
        return torch.device(kind)
    if launch.local_size > (number := torch.cuda.device_count()):
        raise ConfigError(
            f"each of {launch.local_size} processes on this machine needs a GPU of its own, and it has {number}: type "
            f"torchrun --nproc-per-node={number}, or device=cpu"
        )
    return torch.device(kind, launch.local_rank)


def check_several(launch: Launch, settings: Settings, model: type[Model], runner: type[Any]) -> None:
    """ConfigError if there are several processes and this cannot be divided between them."""
    if launch.size == 1:
        return
    if not getattr(runner, "divides_columns", False):
        why = f"runner={runner.__name__.lower()} works in one process"
    elif issubclass(model, CountedModel):
        why = f"{model.__name__} counts, so it has no gradients to be added up"
    elif not model.divides_columns:
        why = f"{model.__name__} does not say that its columns can be divided (divides_columns)"
    elif settings.batch_size < launch.size:
        raise ConfigError(
            f"batch_size={settings.batch_size} has fewer columns than there are processes, {launch.size}: give "
            f"batch_size={launch.size} or more, or start fewer with torchrun --nproc-per-node"
        )
    else:
        return
    raise ConfigError(f"{why}, and torchrun started {launch.size}: type experiments ... without torchrun")
