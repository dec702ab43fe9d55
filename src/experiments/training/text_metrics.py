"""The metrics of a text with which models over different symbols can be compared; docs/metrics.md explains them."""

import math
from typing import Any

from torch import Tensor

from ..interfaces.data import SplitStatistics
from .metrics import LN2, Metrics, in_double_precision, perplexity

TEXT_FORMATS = {"perplexity_known": ".2f", "bits_per_character": ".4f", "perplexity_per_word": ".2f"}


class UnknownTargets:
    """Sums over the targets that are the unknown symbol."""

    def __init__(self, symbol: int):
        self.symbol, self.count = symbol, 0
        self.nats: Any = 0.0

    def update(self, targets: Tensor, target_nats: Tensor, count: int) -> None:
        """Add those of a window's targets (T, B), of which `count` are unknown, and of what each costs (T, B)."""
        self.count += count
        self.nats = self.nats + in_double_precision(target_nats.masked_fill(targets != self.symbol, 0.0).sum())


def text_metrics(scored: Metrics, unknown: UnknownTargets | None, text: SplitStatistics | None) -> dict[str, float]:
    """The metrics of a whole split of a text with which models over different symbols can be compared.

    perplexity_known: exp(nats of the targets that are not unknown / their number), where some are unknown.
    bits_per_character: nats of all targets / characters of the split's text / ln 2.
    perplexity_per_word: exp(nats of all targets / words of the split's text), unless that overflows.
    The last two need the `text` and that all its tokens but the first were targets, each once. Characters and words are
    those of the whole text: the first token costs nothing, as nothing precedes from which it could be predicted.
    """
    if not scored.has_nats or not scored.count:
        return {}
    metrics, nats = {}, float(scored.nats)
    if unknown is not None and 0 < unknown.count < scored.count:
        metrics["perplexity_known"] = perplexity((nats - float(unknown.nats)) / (scored.count - unknown.count))
    if text is not None and scored.count == text.tokens - 1:
        if text.characters:
            metrics["bits_per_character"] = nats / text.characters / LN2
        if text.words:
            metrics["perplexity_per_word"] = perplexity(nats / text.words)
    return {key: value for key, value in metrics.items() if math.isfinite(value)}
