"""Datasets: each yields windows of symbols or vectors. Nothing here imports torch."""

from ..config.lazy import lazy

PUBLIC = {
    "String": "string",
    "Characters": "characters",
    "Words": "words",
    "Bytes": "bytes",
    "Subwords": "subwords",
    "PennTreebank": "ptb",
    "Imdb": "imdb",
    "LabelledTexts": "labelled_texts",
    "ImdbStream": "running_texts",
    "LabelledStream": "running_texts",
    "Recall": "recall",
    "CopyMemory": "copy_memory",
    "Adding": "adding",
    "Parity": "parity",
    "StepTargets": "step_targets",
    "Steps": "step_targets",
}
__getattr__ = lazy(__name__, PUBLIC)
