"""Models: torch modules that read a window, carry a state and score its targets, in NumPy and in torch."""

from ..config.lazy import lazy

PUBLIC = {
    "NumpyNetwork": "numpy.network",
    "TorchNetwork": "torch.network",
    "ContextNetwork": "baselines.context_network",
    "TorchWordVectors": "word_vectors.torch_model",
    "NumpyWordVectors": "word_vectors.numpy_model",
    "Ngram": "baselines.ngram",
    "BagOfWords": "baselines.bag_of_words",
}
__getattr__ = lazy(__name__, PUBLIC)
