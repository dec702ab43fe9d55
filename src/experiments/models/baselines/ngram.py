"""The n-gram model with Kneser-Ney smoothing as a module that counts instead of following a gradient."""

from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ...config.checks import at_least
from ...interfaces.data import IGNORE, PADDING, Window
from ...interfaces.model import CountedModel, Score, State, SummaryRow
from .context import contexts, no_context
from .kneser_ney import KneserNey, Level, count, walk


class Ngram(CountedModel):
    """Interpolated Kneser-Ney of `order` N: a word is predicted from the N-1 symbols before it.

    `sentence_end` is the id of the symbol that ends a sentence: no context reaches back beyond it, and it also
    marks that a sentence begins. With None, contexts run on. `discounts` are three for each order (`modified`) or
    one, estimated from the counts (see `kneser_ney.discounts`).
    It has no parameters; `fit` counts, and what was counted is the module's extra state. Before that all words are
    equally probable. It always computes in float64.
    Raises ValueError for an impossible order or sentence_end.
    """

    model: KneserNey

    def __init__(
        self,
        num_inputs: int,
        num_outputs: int,
        sentence_end: int | None = None,
        *,
        order: int,
        discounts: Literal["modified", "single"],
    ):
        super().__init__()
        at_least(1, order=order)
        if sentence_end is not None and not 0 <= sentence_end < num_inputs:
            raise ValueError(f"sentence_end must be one of the ids 0 to {num_inputs - 1} or None, got {sentence_end}")
        self.num_inputs, self.num_outputs, self.sentence_end = num_inputs, num_outputs, sentence_end
        self.order, self.discounts = order, discounts
        self._sizes = [order, num_inputs, num_outputs, -1 if sentence_end is None else sentence_end]
        self.fit([])

    def initial_state(self, batch_size: int) -> State:
        """The last N-1 symbols (N-1, B): none."""
        return (no_context(self.order - 1, batch_size, torch.device("cpu")),)

    def fit(self, windows: Iterable[Window]) -> None:
        """Count the targets of these windows, each after its context; what was counted before is forgotten."""
        V, K = self.num_inputs, self.num_outputs
        self._use(count(*walk(*self._read(windows), V, K), V, K))

    def predict(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """inputs (T, B) -> log-probabilities (T, B, K) in float64, state after."""
        before, state = self._contexts(inputs, state)
        p = self.model.distributions(self.model.find(before))
        return torch.from_numpy(np.log(p)).view(*inputs.shape, -1), state

    def score(self, inputs: Tensor, targets: Tensor, state: State) -> tuple[Score, State]:
        """inputs and targets (T, B) -> Score, state after. Not differentiable: there is nothing to learn."""
        before, state = self._contexts(inputs, state)
        words = targets.numpy().ravel()
        counted = words != IGNORE
        words, found = words[counted], self.model.find(before[counted])
        log_probs, each = np.log(self.model.probabilities(found, words)), np.zeros(counted.shape)
        nats, each[counted] = torch.tensor(-log_probs.sum()), -log_probs
        correct = torch.tensor((self.model.most_probable(found) == words).sum())
        return Score(nats, nats, correct, torch.from_numpy(each).view(targets.shape)), state

    def summary(self, steps: int | str, batch_size: int) -> list[SummaryRow]:
        """One row per order: name, output shape (T, B, K), number of n-grams."""
        shape = (steps, batch_size, self.num_outputs)
        return [(f"order {k}", shape, len(level.grams)) for k, level in enumerate(self.model.levels, 1)]

    def get_extra_state(self) -> dict[str, Tensor]:
        """What was counted, as tensors that share its memory; the probabilities follow from it."""
        levels = enumerate(self.model.levels, 1)
        counted = {f"{name}.{k}": torch.from_numpy(a) for k, level in levels for name, a in level._asdict().items()}
        return {"sizes": torch.tensor(self._sizes), **counted}

    def set_extra_state(self, state: Mapping[str, Tensor]) -> None:
        """The inverse of `get_extra_state`. ValueError if that was of a model with other sizes."""
        if (theirs := state["sizes"].tolist()) != (ours := self._sizes):
            raise ValueError(f"these are the counts of another n-gram model: order, V, K, end are {theirs}, not {ours}")
        orders = range(1, self.order + 1)
        self._use([Level(*(state[f"{name}.{k}"].numpy() for name in Level._fields)) for k in orders])

    def _read(self, windows: Iterable[Window]) -> tuple[np.ndarray, np.ndarray]:
        """Windows -> the context (n, N-1) of every target, and the targets (n,)."""
        state, empty = self.initial_state(1), np.empty(0, np.int32)
        contexts, words = [empty.reshape(0, self.order - 1)], [empty]
        for window in windows:
            if window.starts:
                state = self.initial_state(window.inputs.shape[1])
            before, state = self._contexts(torch.from_numpy(window.inputs), state)
            targets = window.targets.ravel()
            counted = targets != IGNORE
            contexts.append(before[counted].astype(np.int32))
            words.append(targets[counted].astype(np.int32))
        return np.concatenate(contexts), np.concatenate(words)

    def _use(self, levels: list[Level]) -> None:
        self.model = None  # type: ignore[assignment]  # frees the old tables before the new ones take memory
        self.model = KneserNey(levels, self.num_inputs, self.num_outputs, self.discounts)

    def _contexts(self, inputs: Tensor, state: State) -> tuple[np.ndarray, State]:
        """inputs (T, B) -> contexts (T*B, N-1) newest symbol first and cut where their sentence begins, state after."""
        before, after = contexts(inputs, *state)
        newest_first = before.flatten(0, 1).numpy()[:, ::-1]
        if self.sentence_end is not None:
            for newer, older in zip(newest_first.T, newest_first.T[1:]):
                older[(newer == self.sentence_end) | (newer == PADDING)] = PADDING
        return newest_first, (after,)
