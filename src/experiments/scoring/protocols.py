"""What published code prints for the same weights: how it reads a split, what it leaves out and by what it divides.

zaremba           Zaremba et al. (2014), also TensorFlow's ptb_word_lm: twenty columns, whole windows; the test in one
pytorch_examples  PyTorch's word_language_model: ten columns
awd               Merity et al. (2017), awd-lstm-lm: ten columns, the test in one; divides by symbols, not by targets
textbook          Saitoh, Deep Learning from Scratch 2, eval_perplexity: ten columns that meet, whole windows

All begin every column with a state of zeros and carry it. docs/protocols.md has each rule beside the exact one.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ..interfaces.data import Dataset, Window
from ..training.metrics import Metrics, perplexity

ROWS = 512  # time steps times columns of one window: bounds memory, does not change the result


class Reading(NamedTuple):
    """How a split of N symbols is read."""

    columns: int  # B
    whole_windows: bool = False  # whether what fills no window of T steps at the end of the columns is left out
    columns_meet: bool = False  # whether the last target of a column is the first input of the next
    divides_by_symbols: bool = False  # whether the sum is divided by what a column holds, one more than its targets


PROTOCOLS: Mapping[str, Mapping[str, Reading]] = {
    "zaremba": {"train": Reading(20, True), "valid": Reading(20, True), "test": Reading(1)},
    "pytorch_examples": dict.fromkeys(("train", "valid", "test"), Reading(10)),
    "awd": {
        **dict.fromkeys(("train", "valid"), Reading(10, divides_by_symbols=True)),
        "test": Reading(1, divides_by_symbols=True),
    },
    "textbook": dict.fromkeys(("train", "valid", "test"), Reading(10, True, columns_meet=True)),
}


class Protocol(NamedTuple):
    """What is read of a split, and by what the sum of the losses is divided."""

    windows: list[Window]  # one state is carried through all of them
    count: int  # type: ignore[assignment]  # targets that are scored; hides tuple.count
    divisor: int
    num_left_out: int  # targets that are not

    def metrics(self, scored: Metrics) -> dict[str, float]:
        """loss and perplexity as the code prints them. ValueError if the windows were scored without a likelihood."""
        if not scored.has_nats:
            raise ValueError("a protocol needs a likelihood of every target, and this network has none")
        loss = float(scored.nats) / self.divisor
        return {"loss": loss, "perplexity": perplexity(loss)}

    @property
    def description(self) -> str:
        """What is read, in words."""
        columns = self.windows[0].inputs.shape[1]
        left_out = f"{self.num_left_out:,} of {self.count + self.num_left_out:,} targets are left out"
        divided = "" if self.divisor == self.count else f", divided by {self.divisor:,}"
        return f"columns: {columns}, all from a state of zeros; {left_out}{divided}"


def protocol_of(name: str, dataset: Dataset, split: str, truncation: int | None) -> Protocol:
    """How a published code reads a split of a text. ValueError if it cannot."""
    if dataset.labelled or dataset.real_inputs or dataset.real_targets:
        raise ValueError(f"protocol={name} reads a text, and this data is none: leave it out, which is exact")
    reading = PROTOCOLS[name][split]
    if reading.whole_windows and truncation is None:
        raise ValueError(
            f"protocol={name} reads whole windows: give truncation=35, or what the network was trained with"
        )
    return read(symbols_of(dataset, split), reading, truncation or 1)


def read(symbols: np.ndarray, reading: Reading, truncation: int) -> Protocol:
    """symbols (N,) as they are read. ValueError if they do not fill one window of `truncation` steps."""
    number, columns = len(symbols), reading.columns
    length = (number - 1) // columns if reading.columns_meet else number // columns
    steps = length if reading.columns_meet else length - 1
    if reading.whole_windows:
        steps = steps // truncation * truncation
    if steps < 1:
        and_windows = f" and whole windows of {truncation} steps" if reading.whole_windows else ""
        raise ValueError(f"{number} symbols are too few: the protocol reads them in {columns} columns{and_windows}")
    starts, size = np.arange(columns) * length, max(1, ROWS // columns)
    places = [starts + np.arange(first, min(first + size, steps))[:, None] for first in range(0, steps, size)]
    windows = [Window(symbols[at], symbols[at + 1], k == 0, at.size) for k, at in enumerate(places)]
    count = columns * steps
    divisor = columns * length if reading.divides_by_symbols else count
    return Protocol(windows, count, divisor, number - 1 - count)


def symbols_of(dataset: Dataset, split: str) -> np.ndarray:
    """The symbols (N,) of a split."""
    (whole,) = dataset.windows(split, 1, None)
    return np.concatenate([whole.inputs[:, 0], whole.targets[-1]])
