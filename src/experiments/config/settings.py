"""The root keys of a config."""

import dataclasses
from typing import Any, Literal

SECTIONS = ("model", "data", "optimizer", "schedule", "runner", "tracker")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """The root keys; what each means stands in conf/config.yaml."""

    truncation: int | None
    windows_per_update: int
    steps_per_update: int | None
    reduction: Literal["mean", "sum_over_time"]
    clip_norm: float | None
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
    checkpoint: str | None
    resume: str | None
    sweep: dict[str, Any] | None

    def __post_init__(self):
        positive = (
            "truncation",
            "windows_per_update",
            "steps_per_update",
            "batch_size",
            "eval_batch_size",
            "epochs",
            "threads",
        )
        for key in (*positive, "patience"):
            value = getattr(self, key)
            if value is not None and value < 1:
                raise ValueError(f"{key} must be at least 1, got {value}")
        if self.eval_warm_up < 0:
            raise ValueError(f"eval_warm_up must be at least 0, got {self.eval_warm_up}")
        if self.steps_per_update is not None:
            self._check_steps()
        if self.clip_norm is not None and self.clip_norm <= 0:
            raise ValueError(f"clip_norm must be above 0 (or null), got {self.clip_norm}")
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"seed must be from 0 to 2**63 - 1, got {self.seed}")

    @property
    def update_windows(self) -> int:
        """Windows whose gradients are added up for one update, whichever of the two options says it."""
        return self.windows_per_update if self.steps_per_update is None else self.steps_per_update // self.truncation

    def _check_steps(self) -> None:
        if self.windows_per_update != 1:
            raise ValueError("give windows_per_update or steps_per_update, not both")
        if self.truncation is None or self.steps_per_update % self.truncation:
            got = f"steps_per_update={self.steps_per_update} with truncation={self.truncation}"
            raise ValueError(f"steps_per_update must be a multiple of truncation, got {got}")
