"""What a fault harness found: named counts that add up."""

import dataclasses
from typing import Any, Self


@dataclasses.dataclass(frozen=True)
class Findings:
    """A base class of counts: the first says how much was tried, all others should be 0."""

    def __add__(self, other: Self) -> Self:
        return type(self)(*map(sum, zip(vars(self).values(), vars(other).values())))

    @property
    def faultless(self) -> bool:
        return not any(list(vars(self).values())[1:])

    def named(self) -> dict[str, Any]:
        """The counts by their names in words."""
        return {name.replace("_", " "): count for name, count in vars(self).items()}

    def __str__(self) -> str:
        return ", ".join(f"{count} {name}" for name, count in self.named().items())
