"""Recording runs: the journal of a run, its delivery to a store, and what a store knows."""

from ..config.lazy import lazy

PUBLIC = {
    "MlflowTracker": "mlflow",
    "MemoryTracker": "memory",
}
__getattr__ = lazy(__name__, PUBLIC)
