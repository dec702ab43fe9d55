"""The options of `hydra.sweeper`; conf/hydra/sweeper/experiments.yaml explains each."""

import dataclasses
from typing import Any, Literal

from ..comparison.objective import Objective
from ..config.checks import above, at_least


@dataclasses.dataclass(frozen=True, kw_only=True)
class SweepOptions:
    """What `hydra.sweeper` holds, checked."""

    search: Literal["grid", "random", "tpe"]
    params: dict[str, Any] | None
    zip: list[list[str]]
    cases: list[Any]
    exclude: list[Any]
    metric: str | None
    direction: Literal["minimize", "maximize"] | None
    trials: int
    replicates: int
    budget: float | None
    attempts: int
    job_timeout: float | None
    fail_fast: bool
    pruner: Literal["median", "hyperband"] | None
    seed: int
    batch: int | None
    storage: str | None
    name: str | None

    def __post_init__(self) -> None:
        at_least(1, trials=self.trials, replicates=self.replicates, attempts=self.attempts, batch=self.batch)
        Objective.of(self.metric, self.direction)  # raises what is no metric
        above(0, budget=self.budget, job_timeout=self.job_timeout)
        if self.pruner and self.search == "grid":
            raise ValueError(f"pruner={self.pruner} needs search=random or search=tpe, as a grid runs all its points")
        if self.exclude and self.search != "grid":
            raise ValueError(f"exclude needs search=grid: search={self.search} draws its points; list them in cases")
        for option, items in (("cases", self.cases), ("exclude", self.exclude)):
            if not all(isinstance(item, list) for item in items):
                raise ValueError(f"{option} must hold lists, as in [[model=torch_rnn,truncation=5]], got {items}")
        if any(len(keys) < 2 for keys in self.zip):
            raise ValueError(f"zip must hold lists of keys, as in [[model,optimizer.lr]], got {self.zip}")
        if self.name is not None and not self.name.replace("-", "").replace("_", "").isalnum():
            raise ValueError(f"name must consist of letters, digits, - and _, got {self.name!r}")

    @property
    def objective(self) -> Objective:
        """What a search chooses by, and what marks the best row."""
        return Objective.of(self.metric, self.direction)

    @property
    def learns(self) -> bool:
        """Whether ended trials decide about others, so that not all may start at once."""
        return self.search == "tpe" or self.pruner == "median"
