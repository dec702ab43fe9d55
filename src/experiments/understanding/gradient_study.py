"""The gradients of one network, at the start or after training, and the rows of their tables."""

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch

from ..interfaces.data import Window
from ..interfaces.model import Model
from ..training.device import Device
from .lag_norms import LagNorms, factor_per_step, fall_to, half_life, measure_lag_norms
from .passages import read_passages
from .tables import Row, table
from .truncated_gradient import Cost, Kept, compare_truncations, measure_costs

START, TRAINED = "start", "trained"
SHOWN_LAGS = (1, 2, 5, 10, 20, 50, 100, 200, 500)
NORM_COLUMNS = ("network", "weights", "state", "lag", "norm", "relative_norm", "losses")


@dataclasses.dataclass(frozen=True)
class Study:
    """What was measured of one network."""

    network: str
    weights: str  # START or TRAINED
    norms: LagNorms
    kept: list[Kept]
    costs: list[Cost]


@dataclasses.dataclass(frozen=True)
class Measurement:
    """How networks are measured; `check` is called often and may raise."""

    windows: Sequence[Window]
    device: Device
    passages: int
    steps: int
    lags: int
    truncations: Sequence[int]
    check: Callable[[], None]

    def of(self, model: Model, network: str, weights: str) -> Study:
        """Measure a network without dropout; its costs are measured once trained, or where nothing is trained."""
        model.eval()
        with torch.backends.cudnn.flags(enabled=False):  # cuDNN has no gradient outside training
            passages = read_passages(model, self.windows, self.device, self.passages, self.check)
            norms = measure_lag_norms(model, passages, self.device, self.steps, self.lags)
            kept = []
            for found in compare_truncations(model, passages, self.device, self.truncations):
                self.check()
                kept.append(found)
        costs = []
        for cost in measure_costs(model, passages[0], self.device, self.truncations):
            self.check()
            costs.append(cost)
        return Study(network, weights, norms, kept, costs)


def norm_rows(studies: Sequence[Study]) -> Iterator[Row]:
    """A row for each part of a state and lag, with NORM_COLUMNS."""
    for study in studies:
        for name, means in zip(study.norms.names, study.norms.means):
            for k, norm in enumerate(means):
                row = (study.network, study.weights, name, k + 1, float(norm), float(norm / means[0]))
                yield dict(zip(NORM_COLUMNS, (*row, int(study.norms.counts[k]))))


def truncation_rows(studies: Sequence[Study]) -> Iterator[Row]:
    """A row for each truncation, with the fields of Kept and Cost."""
    for study in studies:
        for kept, cost in zip(study.kept, study.costs):
            yield {"network": study.network, "weights": study.weights, **kept._asdict(), **cost._asdict()}


def norm_table(studies: Sequence[Study]) -> str:
    """Norms at some lags relative to that at lag 1, half-life and factor per step, a row for each part of a state."""
    lags = [lag for lag in SHOWN_LAGS if lag <= studies[0].norms.means.shape[1]]
    heads = [
        "network",
        "weights",
        "state",
        "norm at lag 1",
        *map(str, lags[1:]),
        "half-life",
        "to 1 %",
        "factor per step",
    ]
    rows = []
    for study in studies:
        for name, means in zip(study.norms.names, study.norms.means):
            relative = [f"{means[lag - 1] / means[0]:.3g}" for lag in lags[1:]]
            falls = [steps_text(fall_to(share, means), len(means)) for share in (0.5, 0.01)]
            ends = [*falls, f"{factor_per_step(means):.3f}"]
            rows.append([study.network, study.weights, name, f"{means[0]:.3g}", *relative, *ends])
    return table(heads, rows, num_texts=3)


def steps_text(steps: float, lags: int) -> str:
    """A number of steps with one decimal; more than was measured, if it is infinite."""
    return f">{lags - 1}" if math.isinf(steps) else f"{steps:.1f}"


def truncation_table(studies: Sequence[Study]) -> str:
    """A row for each truncation: what it keeps of the gradient and what it costs."""
    heads = ["network", "weights", "T", "cosine", "error", "cosine W_hh", "error W_hh", "ms per 1,000", "MiB"]
    rows = []
    for row in truncation_rows(studies):
        shares = [f"{row[key]:.4f}" for key in ("cosine", "error", "recurrent_cosine", "recurrent_error")]
        costs = [number_text(float(row[key])) for key in ("milliseconds", "mebibytes")]
        rows.append([row["network"], row["weights"], str(row["truncation"]), *shares, *costs])
    return table(heads, rows, num_texts=2)


def number_text(value: float) -> str:
    """Three digits, of large numbers all that stand before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def half_lives(studies: Sequence[Study]) -> Mapping[str, float]:
    """Metric -> half-life of the gradient of each part of a state, for those that fall to half within the lags."""
    found = {}
    for study in studies:
        for name, means in zip(study.norms.names, study.norms.means):
            key = f"half_life/{study.network}/{study.weights}/{name}".replace(" ", "_").replace("#", "")
            found[key] = half_life(means)
    return {key: steps for key, steps in found.items() if math.isfinite(steps)}
