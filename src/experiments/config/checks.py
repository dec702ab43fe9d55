"""Range checks of constructors' arguments: ValueError with name, range and the value got. None is never refused."""


def at_least(least: float, **values: float | None) -> None:
    """Every value is at least `least`."""
    for name, value in values.items():
        if value is not None and value < least:
            raise ValueError(f"{name} must be at least {least}, got {value}")


def above(bound: float, **values: float | None) -> None:
    """Every value is above `bound`."""
    for name, value in values.items():
        if value is not None and value <= bound:
            raise ValueError(f"{name} must be above {bound}, got {value}")


def fractions(**values: float | None) -> None:
    """Every value is above 0 and at most 1."""
    for name, value in values.items():
        if value is not None and not 0.0 < value <= 1.0:
            raise ValueError(f"{name} must be above 0 and at most 1, got {value}")


def probabilities(**values: float | None) -> None:
    """Every value is a probability from 0 to below 1."""
    for name, value in values.items():
        if value is not None and not 0.0 <= value < 1.0:
            raise ValueError(f"{name} must be a probability from 0 to below 1, got {value}")
