"""A text of one's own as the ids that a network reads at once."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..config.errors import ConfigError
from ..interfaces.data import Dataset
from .classes import TextLimit, ids_read
from .lines import read_lines, symbols_of


def read_text(dataset: Dataset, text: str | None, file: str | None, options: Mapping[str, Any]) -> np.ndarray:
    """A text, or the file of that name, through the vocabulary of the dataset -> ids (n,) int64, at least one.

    `options` are those of the data, of which the reading of a file, and how much is read of a text with a label,
    follow. Raises ConfigError for what cannot be read.
    """
    vocabulary = dataset.vocabulary
    if dataset.real_inputs or not len(vocabulary):
        raise ConfigError("runner.text is for networks that read symbols, and this data has vectors: leave it out")
    lines = symbols_of(vocabulary, read_lines(text, file, options), carry=True)
    symbols = [symbol for line in lines for symbol in line]
    try:
        if dataset.labelled:
            limit = TextLimit.of(options)
            ids = ids_read(vocabulary, symbols, limit)
        else:
            ids = vocabulary.encode(symbols, "runner.text" if file is None else f"runner.file={file}")
    except ValueError as error:
        raise ConfigError(str(error)) from error
    if not len(ids):
        raise ConfigError("the text has no symbol of the vocabulary: give another runner.text")
    return ids.astype(np.int64)
