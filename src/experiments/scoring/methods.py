"""Methods that make a trained language model better at test time, tuned on the validation split.

First how the network is read (static, dynamic evaluation, Monte-Carlo dropout), then a cache of its own past, then
other models mixed in. Each stage is measured, so that one sees what it is worth.
"""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ..config.checks import above, at_least
from ..interfaces.data import Dataset, Window
from ..training.metrics import perplexity
from .dynamic_evaluation import MovingWeights, Step, root_mean_squares
from .mixture import fitted_weights, mixed
from .neural_cache import cache_nats
from .target_probabilities import Reader, Targets

READING = ("static", "dynamic", "mc_dropout")
MIXING = ("mixture", "ensemble")
LEAST = {"dynamic_rates": 0, "dynamic_decays": 0, "cache_sizes": 1, "cache_flatness": 0}
COLUMNS, STEPS = 100, 20  # of the windows over which the size of the gradients is measured
ROWS = 512  # steps of a window where weights do not move: bounds memory, does not change the result


@dataclasses.dataclass(frozen=True)
class MethodOptions:
    """What is tried on the validation split; the best is taken."""

    tuning_targets: int | None  # from the beginning of the validation split; None: all
    dynamic_steps: int
    dynamic_rates: Sequence[float]
    dynamic_decays: Sequence[float]
    dynamic_epsilon: float
    dropout_samples: int
    cache_sizes: Sequence[int]
    cache_flatness: Sequence[float]

    def __post_init__(self) -> None:
        """ValueError for what cannot be tried."""
        at_least(1, tuning_targets=self.tuning_targets, dynamic_steps=self.dynamic_steps)
        at_least(1, dropout_samples=self.dropout_samples)
        above(0.0, dynamic_epsilon=self.dynamic_epsilon)
        for name, least in LEAST.items():
            values = getattr(self, name)
            if not values or min(values) < least:
                raise ValueError(f"{name} must be a list of numbers of at least {least}, got {[*values]}")


def checked(names: Sequence[str], others: Sequence[str]) -> list[str]:
    """The methods themselves; ValueError for what does not go together."""
    for group in (READING, MIXING):
        if len(several := [name for name in names if name in group]) > 1:
            raise ValueError(f"method: {' and '.join(several)} exclude each other: give one of them")
    mixes = any(name in MIXING for name in names)
    if mixes and not others:
        raise ValueError("method: mixture and ensemble need other runs: give runner.others=[RUN,RUN]")
    if others and not mixes:
        raise ValueError(f"others={list(others)} are mixed in by a method: give runner.method=mixture or ensemble")
    return list(names)


class Stage(NamedTuple):
    """One method added to those before it."""

    name: str  # of all so far: dynamic-cache
    chosen: str  # what was found on the validation split
    nats: np.ndarray  # (N,) of the split that is measured

    @property
    def loss(self) -> float:
        return float(self.nats.mean())

    @property
    def perplexity(self) -> float:
        return perplexity(self.loss)


OtherModel = Callable[[str], np.ndarray]  # split -> its nats (N,)


class Methods:
    """Stages in order, each tuned with those before it."""

    def __init__(
        self,
        names: Sequence[str],
        options: MethodOptions,
        reader: Reader,
        dataset: Dataset,
        others: Mapping[str, OtherModel],
        log: Callable[[str], None],
    ):
        self.names, self.options, self.reader, self.dataset = names, options, reader, dataset
        self.others, self.log = others, log
        self.reading = next((name for name in names if name in READING), "static")

    def stages(self, split: str) -> Iterator[Stage]:
        """What each method makes of a split."""
        read, chosen = self._tuned_reading()
        tuning, measured = read(self._tuning_windows()), read(self._windows(split))
        name, members = self.reading, [self.reading]
        stage = Stage(name, chosen, measured.nats)
        yield stage
        parts, own = [tuning.nats], [measured.nats]
        if "cache" in self.names:
            size, flatness, found = self._tuned_cache(tuning)
            parts.append(found)
            own.append(cache_of(measured, size, flatness))
            weights, name, members = fitted_weights(np.stack(parts)), f"{name}-cache", [*members, "cache"]
            chosen = f"size {size}, flatness {flatness:g}, weight {weights[1]:.3f}"
            stage = Stage(name, chosen, mixed(np.stack(own), weights))
            yield stage
        others = [of_split(split) for of_split in self.others.values()]
        if "mixture" in self.names:
            parts += [of_split("valid")[: len(tuning.nats)] for of_split in self.others.values()]
            weights = fitted_weights(np.stack(parts))
            yield weighted(f"{name}-mixture", [*members, *self.others], own + others, weights)
        if "ensemble" in self.names:  # a cache is not a model: with its network it is one member
            weights = np.full(1 + len(others), 1 / (1 + len(others)))
            yield weighted(f"{name}-ensemble", [name, *self.others], [stage.nats, *others], weights)

    def _tuned_reading(self) -> tuple[Callable[[list[Window]], Targets], str]:
        if self.reading == "dynamic":
            return self._tuned_dynamic()
        if self.reading == "mc_dropout":
            samples = self.options.dropout_samples
            return lambda windows: self.reader.dropped(windows, samples), f"mean of {samples} readings"
        return self.reader.static, "as trained"

    def _tuned_dynamic(self) -> tuple[Callable[[list[Window]], Targets], str]:
        """The rate and decay with the lowest loss: the rate without decay first, then the decay at this rate."""
        columns = min(COLUMNS, len(self.dataset.windows("train", 1, STEPS)))  # a short text fills fewer
        training = self.dataset.windows("train", columns, STEPS)
        roots = root_mean_squares(self.reader.model, training, self.reader.device, self.reader.check)

        def reading(rate: float, decay: float) -> Callable[[list[Window]], Targets]:
            how = Step(rate, decay, self.options.dynamic_epsilon)
            return lambda windows: self.reader.moving(windows, MovingWeights(self.reader.model, roots, how))

        @functools.cache
        def loss(rate: float, decay: float) -> float:
            found = float(reading(rate, decay)(self._tuning_windows()).nats.mean())
            self.log(f"dynamic evaluation, rate {rate:g}, decay {decay:g}: perplexity {perplexity(found):.2f} on valid")
            return found

        static = float(self.reader.static(self._tuning_windows()).nats.mean())
        self.log(f"without it: perplexity {perplexity(static):.2f} on valid")
        decay = self.options.dynamic_decays[0]
        rate = min(self.options.dynamic_rates, key=lambda tried: loss(tried, decay))
        decay = min(self.options.dynamic_decays, key=lambda tried: loss(rate, tried))
        return reading(rate, decay), f"rate {rate:g}, decay {decay:g}"

    def _tuned_cache(self, tuning: Targets) -> tuple[int, float, np.ndarray]:
        """The size and flatness whose cache makes the mixture with the network best, and its nats."""
        best: tuple[float, int, float, np.ndarray] | None = None
        for size, flatness in itertools.product(self.options.cache_sizes, self.options.cache_flatness):
            found = cache_of(tuning, size, flatness)
            both = np.stack([tuning.nats, found])
            loss = float(mixed(both, fitted_weights(both)).mean())
            self.log(f"cache, size {size}, flatness {flatness:g}: perplexity {perplexity(loss):.2f} on valid")
            if best is None or loss < best[0]:
                best = loss, size, flatness, found
        assert best is not None
        return best[1:]

    def _windows(self, split: str) -> list[Window]:
        steps = self.options.dynamic_steps if self.reading == "dynamic" else ROWS
        return [*self.dataset.windows(split, 1, steps)]

    def _tuning_windows(self) -> list[Window]:
        """Those of the beginning of the validation split."""
        windows, most = self._windows("valid"), self.options.tuning_targets
        ends = itertools.accumulate(window.count for window in windows)
        return windows if most is None else [w for w, end in zip(windows, ends) if end - w.count < most]


def weighted(name: str, models: Sequence[str], nats: Sequence[np.ndarray], weights: np.ndarray) -> Stage:
    """The stage that mixes these models."""
    chosen = ", ".join(f"{model} {weight:.3f}" for model, weight in zip(models, weights))
    return Stage(name, f"weights {chosen}", mixed(np.stack(nats), weights))


def cache_of(targets: Targets, size: int, flatness: float) -> np.ndarray:
    """What a cache makes of targets that were read with their hidden outputs."""
    assert targets.hidden is not None
    return cache_nats(targets.hidden, targets.symbols, size, flatness)
