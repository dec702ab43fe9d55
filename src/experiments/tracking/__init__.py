"""Recording runs: the journal of a run, its delivery to a store, and what is read back from both."""

from ..config.lazy import lazy

PUBLIC = {
    "MlflowStore": "mlflow_store",
    "MemoryStore": "memory",
}
__getattr__ = lazy(__name__, PUBLIC)
