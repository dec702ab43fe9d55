"""What a recipe reproduces: the published numbers, those that ours were, and how far a mean over seeds may be off."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from .checks import above, at_least
from .errors import unknown

TIERS = ("ci", "cpu", "gpu")  # minutes | up to two hours each | not on a CPU
GOALS = ("lower", "higher", "equal")
PLACES = ("last", "first", "lowest", "highest")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Claim:
    """One number of a run: PASS if the mean over seeds is not worse than the reference by more than the tolerance.

    The reference is what was published, and what ours was where nothing was.
    """

    metric: str  # SPLIT/METRIC
    of: str = "last"  # of its values in a run
    goal: str  # lower | higher: a better mean passes too | equal
    published: float | None = None
    expected: float | None = None  # the mean over seeds that was measured here
    tolerance: float  # from the spread of the seeds

    def __post_init__(self) -> None:
        for name, valid in (("goal", GOALS), ("of", PLACES)):
            if (value := getattr(self, name)) not in valid:
                raise ValueError(unknown(f"published.claims.{name}", str(value), valid))
        at_least(0, tolerance=self.tolerance)
        if self.published is None and self.expected is None:
            raise ValueError(
                f"published.claims: {self.metric} needs a number to be compared with: published or expected"
            )

    @property
    def reference(self) -> float:
        found = self.expected if self.published is None else self.published
        assert found is not None
        return found

    def value(self, values: Sequence[float]) -> float:
        """A run's values of the metric in their order -> the one that is meant; NaN of none."""
        choose = {"last": lambda: values[-1], "first": lambda: values[0], "lowest": lambda: min(values)}
        return choose.get(self.of, lambda: max(values))() if values else math.nan

    def holds(self, mean: float) -> bool:
        """Whether a mean over seeds passes; NaN does not."""
        worse = mean - self.reference
        worse = {"lower": worse, "higher": -worse, "equal": abs(worse)}[self.goal]
        return worse <= self.tolerance


@dataclasses.dataclass(frozen=True, kw_only=True)
class Published:
    """The root key `published` of a recipe."""

    source: str
    tier: str
    minutes: float | None  # of one seed, on the hardware of the tier; None: not yet run
    seeds: int
    claims: tuple[Claim, ...]
    needs: str | None = None  # what has to be typed besides, as in data.path=tinyshakespeare.txt

    def __post_init__(self) -> None:
        if self.tier not in TIERS:
            raise ValueError(unknown("published.tier", self.tier, TIERS))
        at_least(1, seeds=self.seeds)
        above(0, minutes=self.minutes)

    @classmethod
    def of(cls, stated: Mapping[str, Any]) -> "Published":
        """From YAML. ValueError for what is missing, unknown or impossible."""
        claims = stated.get("claims")
        if not isinstance(claims, list) or not claims:
            raise ValueError("published.claims must be a list of at least one {metric: ..., goal: ..., ...}")
        found = tuple(_made(Claim, "published.claims", claim) for claim in claims)
        made: Published = _made(cls, "published", {**stated, "claims": found})
        return made


def _made(kind: type[Any], name: str, given: Mapping[str, Any]) -> Any:
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for key in given:
        if key not in fields:
            raise ValueError(unknown(f"option of {name}", key, tuple(fields)))
    required = {key for key, field in fields.items() if field.default is dataclasses.MISSING}
    if missing := required - given.keys():
        raise ValueError(f"{name} lacks {', '.join(sorted(missing))}")
    return kind(**given)
