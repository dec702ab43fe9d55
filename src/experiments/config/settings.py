"""The root keys of a config."""

import dataclasses
import re
from collections.abc import Iterable
from typing import Any, Literal

from .checks import above, at_least, fractions, probabilities
from .keys import flatten
from .published import Published

SECTIONS = ("model", "data", "optimizer", "schedule", "runner", "tracker")

# The tags that runs have of their own, and what families of them begin with; a store's page and the package read them.
OWN_TAGS: tuple[str, ...] = ("runner", "command", "identity", "outcome", "error", "seconds", "ended_by", "died_at")
OWN_TAGS += ("checkpoint", "started_from", "embedding_digest", "layers_digest", "evaluated", "evaluation")
OWN_TAGS += ("num_parameters", "heartbeat", "dataset_fingerprint", "sweep", "threads", "processes")
OWN_TAGS += ("device", "host", "pid", "user", "platform")
OWN_TAGS += ("git_commit", "git_dirty", "git_diff")
FAMILIES = ("mlflow.", "sweep.", "dataset.", "choice.", "code.", "version.")
MAX_NAME = 100  # characters
MAX_NAME_BYTES = 240  # so that a folder of this name, or with -2 after it, can be made everywhere
RESERVED = ("latest", "auto")  # as in checkpoint=latest and resume=auto


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """The root keys; conf/config.yaml explains each."""

    truncation: int | None
    truncation_std: float | None
    steps_per_update: int | None
    reduction: Literal["mean", "sum_over_time"]
    class_weights: Literal["balanced"] | None
    clip_norm: float | None
    layer_rate_decay: float
    unfreeze_every: int | None
    averaging: Literal["exponential", "uniform"] | None
    averaging_decay: float
    averaging_start: float | None
    averaging_checks: int
    batch_size: int
    eval_batch_size: int
    eval_warm_up: int
    epochs: int
    patience: int | None
    seed: int
    device: Literal["auto", "cpu", "cuda", "mps"]
    precision: Literal["float32", "float64", "bfloat16"]
    threads: int | None
    deterministic: bool
    loss_sum: bool
    checkpoint: str | None
    resume: str | None
    name: str | None
    note: str | None
    tags: dict[str, Any]
    published: dict[str, Any] | None
    windows_per_update: int = 1  # a former key, no longer in conf/config.yaml: steps_per_update / truncation

    def __post_init__(self) -> None:
        at_least(1, truncation=self.truncation, steps_per_update=self.steps_per_update, epochs=self.epochs)
        at_least(1, batch_size=self.batch_size, eval_batch_size=self.eval_batch_size, patience=self.patience)
        at_least(1, threads=self.threads, windows_per_update=self.windows_per_update)
        at_least(1, unfreeze_every=self.unfreeze_every)
        at_least(0, eval_warm_up=self.eval_warm_up)
        above(0, clip_norm=self.clip_norm, truncation_std=self.truncation_std)
        fractions(layer_rate_decay=self.layer_rate_decay)
        probabilities(averaging_decay=self.averaging_decay)
        at_least(0, averaging_start=self.averaging_start)
        at_least(1, averaging_checks=self.averaging_checks)
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"seed must be from 0 to 2**63 - 1, got {self.seed}")
        check_name(self.name)
        check_tags(flatten(self.tags))
        if self.published is not None:
            Published.of(self.published)
        if self.steps_per_update is not None:
            self._check_steps(self.steps_per_update)
        if self.truncation_std is not None:
            self._check_random_lengths(f"truncation_std={self.truncation_std:.10g} makes windows of random lengths")

    @property
    def update_windows(self) -> int:
        """Number of windows whose gradients are added up for one update."""
        steps, truncation = self.steps_per_update, self.truncation
        return self.windows_per_update if steps is None or truncation is None else steps // truncation

    def _check_steps(self, steps: int) -> None:
        if self.windows_per_update != 1:
            raise ValueError("give windows_per_update or steps_per_update, not both")
        if self.truncation is None or steps % self.truncation:
            got = f"steps_per_update={steps} with truncation={self.truncation}"
            raise ValueError(f"steps_per_update must be a multiple of truncation, got {got}")

    def _check_random_lengths(self, what: str) -> None:
        if self.truncation is None or self.truncation < 5:
            got = "null" if self.truncation is None else self.truncation
            raise ValueError(f"{what} of at least 5 steps around truncation={got}: give truncation=70")
        if self.update_windows != 1:
            raise ValueError(f"{what}, but an update adds up {self.update_windows} windows: leave steps_per_update out")


def check_name(name: str | None) -> None:
    """ValueError unless this is null or can be the name of a folder everywhere."""
    if name is None:
        return
    if name in RESERVED:
        raise ValueError(f"name={name} would have two meanings in checkpoint= or resume=: type name=my_{name}")
    if not re.fullmatch(rf"\w[\w.-]{{0,{MAX_NAME - 1}}}", name) or len(name.encode()) > MAX_NAME_BYTES:
        safe = re.sub(r"[^\w.-]+", "_", name).strip("-_.")[:MAX_NAME].encode()[:MAX_NAME_BYTES]
        size = f"at most {MAX_NAME}, and {MAX_NAME_BYTES} bytes"
        letters = f"letters, digits, _ . and - ({size}, the first a letter or digit)"
        raise ValueError(
            f"name must consist of {letters}, got {name!r}: type name={safe.decode(errors='ignore') or 'NAME'}"
        )


def check_tags(tags: Iterable[str]) -> None:
    """ValueError for a tag that runs have already."""
    for tag in tags:
        if tag in OWN_TAGS or tag.startswith(FAMILIES):
            raise ValueError(f"tags.{tag}: runs have such a tag already, type another, as in tags.my_{tag}=VALUE")
