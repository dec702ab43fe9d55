"""The points that a run recorded before it was resumed, which it does not record again."""

from array import array
from bisect import bisect_left


class WrittenPoints:
    """Metrics and steps, of which each takes 8 bytes: a run may have a million."""

    def __init__(self) -> None:
        self._steps: dict[str, array[int]] = {}  # of each metric, in the order in which they were added
        self._unsorted: set[str] = set()  # metrics recorded at other intervals after the run was resumed

    def add(self, key: str, step: int) -> None:
        """Add a point; the step has at most 64 bits."""
        steps = self._steps.setdefault(key, array("q"))
        if steps and step < steps[-1]:
            self._unsorted.add(key)
        steps.append(step)

    def __contains__(self, point: tuple[str, int]) -> bool:
        key, step = point
        if (steps := self._steps.get(key)) is None:
            return False
        if key in self._unsorted:
            self._unsorted.remove(key)
            steps = self._steps[key] = array("q", sorted(steps))
        at = bisect_left(steps, step)
        return at < len(steps) and steps[at] == step
