"""Our word vectors beside those of gensim's Word2Vec: same text, same options, and as near as two of its own seeds.

What two sets of vectors share is measured by neighbours, as a rotation changes no cosine: of the 10 nearest words of
each of the 1,000 most frequent words of PTB, the share that both have. Nearest are looked for among all 10,000 words,
and among the 2,000 most frequent.
"""

import collections

import numpy as np
import pytest

from experiments.checkpoints import checkpoint
from experiments.interfaces.data import PADDING
from experiments.models.word_vectors.torch_model import TorchWordVectors
from experiments.understanding.neighbours import SymbolVectors

COMMON, NEAREST, EPOCHS = 1000, 10, 5
AMONG = (10_000, 2_000)
# word2vec's own optimizer: gradients of single predictions are added up and weighted with a rate of 0.025 that falls to
# nothing; here the sum over a window is divided by its 20 columns, and 0.5 / 20 = 0.025.
AS_WORD2VEC = ("optimizer=sgd", "optimizer.lr=0.5", "reduction=sum_over_time", "schedule=linear")


def neighbours(vectors: dict[str, np.ndarray], words: list[str], among: int) -> dict[str, set[str]]:
    table = SymbolVectors(words[:among], np.array([vectors[word] for word in words[:among]], np.float64))
    return {words[k]: {each.symbol for each in table.nearest(k, NEAREST)} for k in range(COMMON)}


def overlap(one: dict[str, np.ndarray], other: dict[str, np.ndarray], words: list[str], among: int) -> float:
    found = [neighbours(vectors, words, among) for vectors in (one, other)]
    return float(np.mean([len(found[0][word] & found[1][word]) / NEAREST for word in found[0]]))


def of_gensim(words: list[str], skipgram: bool, seed: int) -> dict[str, np.ndarray]:
    from gensim.models import Word2Vec

    text = [words[k : k + 5000] for k in range(0, len(words), 5000)]  # longer pieces are cut off
    options = {"vector_size": 100, "window": 5, "negative": 5, "sample": 1e-3, "min_count": 1, "epochs": EPOCHS}
    trained = Word2Vec(text, sg=int(skipgram), hs=0, alpha=0.025, seed=seed, workers=1, **options).wv
    return dict(zip(trained.index_to_key, trained.vectors))


@pytest.fixture
def undivided(monkeypatch):
    """CBOW as word2vec's program computes it: every word of a context gets the whole gradient of their mean."""
    mean_of = TorchWordVectors._sources

    def mean_with_the_gradient_of_the_sum(self, sources):
        mean = mean_of(self, sources)
        total = mean * (sources != PADDING).sum(dim=1, keepdim=True)
        return total + (mean - total).detach()

    monkeypatch.setattr(TorchWordVectors, "_sources", mean_with_the_gradient_of_the_sum)


@pytest.mark.long
@pytest.mark.usefixtures("undivided")  # without an effect on skip-gram, whose contexts are single words
@pytest.mark.parametrize("model", ["skipgram", "cbow_embeddings"])
def test_neighbours_agree_with_gensims_as_those_of_two_of_its_seeds(train, real_data, model):
    pytest.importorskip("gensim")
    run = train("data=ptb", f"model={model}", f"epochs={EPOCHS}", "threads=1", *AS_WORD2VEC)
    content = checkpoint.load(run.folder / "best.pt")
    ours = dict(zip(content["dataset"]["vocabulary"]["symbols"], content["model"]["embedding.W"].numpy()))
    text = (real_data / "ptb" / "ptb.train.txt").read_text().replace("\n", " <eos> ").split()
    words = [word for word, _ in collections.Counter(text).most_common()]
    theirs = [of_gensim(text, model == "skipgram", seed) for seed in (1, 2)]
    for among in AMONG:
        ceiling = overlap(*theirs, words, among)
        found = [overlap(ours, other, words, among) for other in theirs]
        print(f"{model}, nearest among {among}: with gensim {found[0]:.3f} and {found[1]:.3f}, its seeds {ceiling:.3f}")
        assert min(found) > 0.85 * ceiling
