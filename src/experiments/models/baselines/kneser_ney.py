"""Interpolated Kneser-Ney smoothing (Chen and Goodman, 1999) on sorted arrays, in NumPy only.

    p(w | c) = (count(c w) - discount) / count(c) + backoff(c) * p(w | c without its oldest symbol)

Without its oldest symbol a context is one that is read less far back in time, so contexts make a trie:

    depth 0    (no context)              "on the mat" is found by going from the root to mat,
    depth 1             mat              from there to the, from there to on; where it was not
    depth 2         the mat              counted, the last context found is used
    depth 3      on the mat

The contexts of one depth are a sorted array of keys (index of the context one shorter, oldest symbol), their n-grams
one of keys (index of the context, word). Indices are found by binary search, for any number of contexts at once.
V symbols make up contexts, K words are predicted; a model of order N has contexts of C = N-1 symbols.
"""

from typing import NamedTuple

import numpy as np

from ...interfaces.data import PADDING
from ..numpy.cells import Array

PIECE = 2**16  # contexts whose probabilities are computed at once: bounds memory


class Level(NamedTuple):
    """What was counted of the n-grams of one order."""

    contexts: Array  # int64, sorted: index of the context one shorter * V + oldest symbol
    grams: Array  # int64, sorted: index of the context * K + word
    counts: Array  # int32, adjusted, see `count`


class Estimate(NamedTuple):
    """What follows from the counts of one order."""

    probability: Array  # of each n-gram: that of its word after its context
    backoff: Array  # of each context: the weight of the probabilities after the shorter one
    best: Array  # int32, of each context: the most probable word, the first of equals


def walk(contexts: Array, words: Array, num_inputs: int, num_outputs: int) -> tuple[list[Array], list[Array]]:
    """contexts (n, C) newest symbol first, then PADDING, and the word after each (n,) -> two lists by depth 0 to C.

    The first is the trie, see `Level.contexts`. The second holds the n-grams of the contexts that reach just so far
    back, as keys like those of `Level.grams` and as often as they occur.
    """
    trie, ended = [np.zeros(1, np.int64)], []
    rows, node = np.arange(len(words), dtype=np.int32), np.zeros(len(words), np.int64)
    for symbols in contexts.T:
        goes_on = symbols[rows] != PADDING
        ended.append(node[~goes_on] * num_outputs + words[rows[~goes_on]])
        rows, node = rows[goes_on], node[goes_on]
        depth, node = np.unique(node * num_inputs + symbols[rows], return_inverse=True)
        trie.append(depth)
    return trie, [*ended, node * num_outputs + words[rows]]


def count(trie: list[Array], ended: list[Array], num_inputs: int, num_outputs: int) -> list[Level]:
    """What `walk` returned -> the levels of order 1 to N. Both lists are emptied, which frees memory.

    The counts are adjusted: an n-gram counts once for each different symbol that preceded it, and once for each time
    that nothing did, as at the beginning of a sentence. Those of the highest order count whenever they occur.
    """
    levels, extended = [], np.empty(0, np.int64)
    while trie:
        contexts = trie.pop()
        grams, counts = np.unique(np.concatenate([ended.pop(), extended]), return_counts=True)
        levels.append(Level(contexts, grams, counts.astype(np.int32)))
        context, word = np.divmod(grams, num_outputs)
        extended = contexts[context] // num_inputs * num_outputs + word  # the same without their oldest symbols
    return levels[::-1]


def discounts(counts: Array, kind: str) -> Array:
    """Adjusted counts of one order -> what is taken from a count of 1, of 2, and of 3 or more, (3,).

    `modified` estimates all three from how many n-grams have which count (Chen and Goodman, 1999), `single` takes the
    first, which is n1 / (n1 + 2 n2) (Ney et al., 1994), for all. Where there are too few n-grams for an estimate,
    half of the count is taken, so that every context has a probability left for words not counted in it.
    """
    n = np.bincount(np.minimum(counts, 5), minlength=6)[1:5].astype(float)
    i = np.arange(1.0, 4.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        taken = i - (i + 1) * n[0] / (n[0] + 2 * n[1]) * n[1:] / n[:3]
    taken = np.where((taken > 0) & (taken < i), taken, i / 2)
    return taken if kind == "modified" else np.full(3, taken[0])


class KneserNey:
    """The probabilities that follow from counted levels."""

    def __init__(self, levels: list[Level], num_inputs: int, num_outputs: int, kind: str):
        """kind of the discounts: "modified" or "single"."""
        self.levels, self.V, self.K, self.kind = levels, num_inputs, num_outputs, kind
        self.estimates: list[Estimate] = []
        uniform = np.full(num_outputs, 1 / num_outputs)  # order 0
        shorter = Level(np.zeros(1, np.int64), np.arange(num_outputs), np.ones(num_outputs, np.int32))
        lower, top = Estimate(uniform, np.ones(1), np.zeros(1, np.int32)), uniform[:1]
        for level in levels:
            lower, top = self._estimate(level, shorter, lower, top)
            self.estimates.append(lower)
            shorter = level

    def find(self, contexts: Array) -> list[Array]:
        """contexts (n, C) newest symbol first -> by depth from 0 to C their indices (n,), -1 where not counted."""
        found = [np.zeros(len(contexts), np.int64)]
        for level, symbols in zip(self.levels[1:], contexts.T):
            known = (found[-1] >= 0) & (symbols != PADDING)
            found.append(index_of(level.contexts, np.where(known, found[-1] * self.V + symbols, -1)))
        return found

    def probabilities(self, found: list[Array], words: Array) -> Array:
        """Contexts as found, the word after each (n,) -> its probability (n,)."""
        p = np.full(len(words), 1 / self.K)
        for level, estimate, context in zip(self.levels, self.estimates, found):
            known = context >= 0
            p[known] *= estimate.backoff[context[known]]
            gram = index_of(level.grams, np.where(known, context * self.K + words, -1))
            seen = gram >= 0
            p[seen] = estimate.probability[gram[seen]]
        return p

    def distributions(self, found: list[Array]) -> Array:
        """Contexts as found -> the probabilities of all words (n, K)."""
        p = np.full((len(found[0]), self.K), 1 / self.K)
        for level, estimate, context in zip(self.levels, self.estimates, found):
            first, last = np.searchsorted(level.grams, [context * self.K, (context + 1) * self.K])
            for row in np.flatnonzero(context >= 0):
                seen = slice(first[row], last[row])
                p[row] *= estimate.backoff[context[row]]
                p[row, level.grams[seen] % self.K] = estimate.probability[seen]
        return p

    def most_probable(self, found: list[Array]) -> Array:
        """Contexts as found -> the most probable word after each (n,), the first of equals."""
        best = np.zeros(len(found[0]), np.int64)
        for estimate, context in zip(self.estimates, found):
            known = context >= 0
            best[known] = estimate.best[context[known]]
        return best

    def _estimate(self, level: Level, shorter: Level, lower: Estimate, top: Array) -> tuple[Estimate, Array]:
        """One order from its counts and the order below; the best words' probabilities go from order to order."""
        number, taken = len(level.contexts), discounts(level.counts, self.kind)
        estimate = Estimate(np.empty(len(level.grams)), np.empty(number), np.empty(number, np.int32))
        new_top = np.empty(number)
        for first in range(0, number, PIECE):
            some = slice(first, first + PIECE)
            grams = slice(*np.searchsorted(level.grams, [first * self.K, (first + PIECE) * self.K]))
            piece = Level(level.contexts[some], level.grams[grams] - first * self.K, level.counts[grams])
            found = self._estimate_piece(piece, taken, shorter, lower, top)
            estimate.probability[grams], estimate.backoff[some], estimate.best[some], new_top[some] = found
        return estimate, new_top

    def _estimate_piece(
        self, level: Level, taken: Array, shorter: Level, lower: Estimate, top: Array
    ) -> tuple[Array, ...]:
        """Some contexts of an order with their n-grams -> their probability, backoff, best, top."""
        (context, word), parent = np.divmod(level.grams, self.K), level.contexts // self.V
        share, backoff = discounted(level.counts, taken, context, len(parent))
        without_oldest = index_of(shorter.grams, parent[context] * self.K + word)
        probability = share + backoff[context] * lower.probability[without_oldest]
        # words not counted here keep their order: the best is one counted here, or the best after the shorter context
        inherited = backoff * top[parent]
        top = inherited.copy()
        np.maximum.at(top, context, probability)
        best = np.where(inherited == top, lower.best[parent], self.K)
        leading = probability == top[context]
        np.minimum.at(best, context[leading], word[leading])
        return probability, backoff, best, top


def discounted(counts: Array, taken: Array, context: Array, number: int) -> tuple[Array, Array]:
    """Counts of n-grams, discounts (3,), the `number` contexts' index of each -> n-grams' shares, contexts' backoff.

    Both are fractions of a context's whole count: together they make 1 in every context.
    """
    if not len(counts):
        return np.empty(0), np.ones(number)  # nothing was counted: all weight is on the order below
    taken = taken[np.minimum(counts, 3) - 1]
    total = np.bincount(context, counts, number)
    return (counts - taken) / total[context], np.bincount(context, taken, number) / total


def index_of(keys: Array, wanted: Array) -> Array:
    """Sorted keys, wanted (n,) -> where each is among the keys (n,), -1 for one that is not."""
    if not len(keys):
        return np.full(len(wanted), -1)
    at = np.searchsorted(keys, wanted)
    at[at == len(keys)] = -1
    at[keys[at] != wanted] = -1
    return at
