"""Training: the loop, its updates, schedules, metrics, evaluation, and what a run leaves behind."""

from ..config.lazy import lazy

PUBLIC = {
    "Constant": "schedules",
    "StepDecay": "schedules",
    "Plateau": "schedules",
    "Linear": "schedules",
    "Cosine": "schedules",
}
__getattr__ = lazy(__name__, PUBLIC)
