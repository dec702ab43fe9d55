"""Datasets: each yields windows of integer symbols. Nothing here imports torch."""

from ..config.lazy import lazy

PUBLIC = {
    "String": "string",
    "Characters": "characters",
    "Words": "words",
    "PennTreebank": "ptb",
    "Imdb": "imdb",
    "LabelledTexts": "labelled_texts",
}
__getattr__ = lazy(__name__, PUBLIC)
