"""The contract: what datasets and models are. Everything else only relies on this."""

from ..config.lazy import lazy

PUBLIC = {
    "Window": "data",
    "Dataset": "data",
    "SplitStatistics": "data",
    "PADDING": "data",
    "IGNORE": "data",
    "Vocabulary": "vocabulary",
    "PatternVocabulary": "vocabularies",
    "Score": "model",
    "State": "model",
    "Model": "model",
    "CountedModel": "model",
}
__getattr__ = lazy(__name__, PUBLIC)
