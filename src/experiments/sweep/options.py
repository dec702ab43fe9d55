"""The options of `hydra.sweeper`; what each means stands in conf/hydra/sweeper/experiments.yaml."""

import dataclasses
from typing import Any, Literal


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    search: Literal["grid", "random", "tpe"]
    params: dict[str, Any] | None
    zip: list[list[str]]
    trials: int
    replicates: int
    budget: float | None
    attempts: int
    pruner: Literal["median", "hyperband"] | None
    seed: int
    batch: int | None
    storage: str | None
    name: str | None

    @property
    def learns(self) -> bool:
        """Whether trials that have ended decide about others: these must not all begin at once."""
        return self.search == "tpe" or self.pruner == "median"

    def __post_init__(self):
        for key in ("trials", "replicates", "attempts", "batch"):
            value = getattr(self, key)
            if value is not None and value < 1:
                raise ValueError(f"{key} must be at least 1, got {value}")
        if self.budget is not None and self.budget <= 0:
            raise ValueError(f"budget must be above 0 seconds (or null), got {self.budget}")
        if self.pruner and self.search == "grid":
            raise ValueError(
                f"pruner={self.pruner} needs search=random or search=tpe, as a grid compares all its points"
            )
        if any(len(keys) < 2 for keys in self.zip):
            raise ValueError(f"zip must hold lists of keys, as in [[model,optimizer.lr]], got {self.zip}")
        if self.name is not None and not self.name.replace("-", "").replace("_", "").isalnum():
            raise ValueError(f"name must consist of letters, digits, - and _, got {self.name!r}")
