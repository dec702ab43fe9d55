"""Runners: what can be done with an experiment. Each has one verb, run(experiment) -> float | None."""

from ..config.lazy import lazy

PUBLIC = {
    "Train": "train",
    "Evaluate": "evaluate",
    "Sample": "sample",
    "Score": "score",
    "Gradients": "gradients",
    "States": "states",
    "Trace": "trace",
    "Neighbors": "neighbors",
    "Summary": "summary",
    "Compare": "compare",
    "Dashboard": "dashboard",
    "Doctor": "doctor",
    "Delete": "delete",
    "Reproduce": "reproduce",
}
__getattr__ = lazy(__name__, PUBLIC)
