"""The option `model.embedding_from=`: an embedding that begins with the vectors of another network, or of a file."""

import dataclasses
import hashlib
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch

from ..config.composition import Composition
from ..config.errors import ConfigError, first_line
from ..interfaces.data import Dataset
from ..interfaces.model import Model
from ..tracking.store import Store
from .initial_weights import InitialWeights, find_weights
from .vector_file import is_checkpoint, open_vector_file

log = logging.getLogger("experiments")

OPTION = "embedding_from"
KEY = f"model.{OPTION}"
WEIGHTS = ("embedding.W", "embedding.weight")  # of an embedding in a checkpoint


@dataclasses.dataclass(frozen=True)
class InitialEmbedding:
    """Vectors of symbols, which are matched with those of a dataset by their text."""

    source: str  # for messages
    name: str  # by which it is found again: a path or a run id
    width: int  # numbers of a vector
    digest: str  # of the vectors, part of the identity of a run that begins with them
    std: float | None  # standard deviation that the numbers are scaled to; None: as they are
    vectors: Callable[[Mapping[str, int]], tuple[np.ndarray, np.ndarray]]  # symbol -> id; ids (n,), vectors (n, E)

    def load_into(self, model: Model, dataset: Dataset) -> None:
        """Set the rows of the embedding whose symbols have vectors; the others stay. ConfigError if none has one."""
        symbols = dataset.vocabulary.symbols
        try:
            ids, vectors = self.vectors({symbol: k for k, symbol in enumerate(symbols)})
        except (ValueError, OSError) as error:
            raise ConfigError(f"{KEY}: {first_line(error)}") from error
        if not len(ids):
            raise ConfigError(f"none of the {len(symbols):,} symbols of this data has a vector in {self.source}")
        if self.std is not None:
            vectors = vectors * (self.std / (vectors.std() or 1.0))
        embedding = model.input_vectors
        assert embedding is not None
        with torch.no_grad():
            embedding[torch.from_numpy(ids).to(embedding.device)] = torch.from_numpy(vectors).to(embedding)
        self._announce(len(ids), len(symbols), float(vectors.std()))

    def _announce(self, found: int, wanted: int, std: float) -> None:
        """Log how many symbols have a vector, and how wide the numbers are that the network begins with."""
        others = f"; {wanted - found:,} keep their random start" if found < wanted else ""
        share = f"{found:,} of {wanted:,} symbols ({found / wanted:.1%}) have a vector in {self.source}"
        log.info("embedding: %s, of standard deviation %.3f%s", share, std, others)


def with_initial_embedding(
    composition: Composition, store: Callable[[], Store], weights: InitialWeights | None
) -> tuple[Composition, InitialEmbedding | None]:
    """The composition with the name of the vectors that lasts, and the vectors; None without the option.

    Weights of a checkpoint hold their own embedding. ConfigError if the vectors cannot be used.
    """
    composition, which = source_named(composition, OPTION, weights, "embedding")
    if which is None:
        return composition, None
    model = composition.config["model"]
    embedding = find_embedding(which, store, model.get("embedding_std"))
    size = model.get("embedding_size")
    if size != embedding.width:
        now = "null, which is one-hot input" if size is None else size
        raise ConfigError(
            f"the vectors in {embedding.source} have {embedding.width} numbers, but model.embedding_size is {now}: "
            f"give model.embedding_size={embedding.width}"
        )
    return with_name(composition, OPTION, embedding.name), embedding


def source_named(
    composition: Composition, option: str, weights: InitialWeights | None, held: str
) -> tuple[Composition, str | None]:
    """What an option of the model names, as it was typed; None if nothing is to be taken from elsewhere.

    Weights of a checkpoint hold their own (`held`, for the message): the composition no longer names any then, and it
    is a ConfigError to type both.
    """
    key, model = f"model.{option}", composition.config["model"]
    which = model.get(option) if isinstance(model, Mapping) else None
    if which is None:
        return composition, None
    if weights is None:
        return composition, which if isinstance(which, str) else composition.typed_texts.get(key, str(which))
    if key in composition.typed:
        raise ConfigError(f"checkpoint= and {key}= do not go together: a checkpoint holds its own {held}")
    return with_name(composition, option, None), None


def with_name(composition: Composition, option: str, name: str | None) -> Composition:
    """The composition with another value of an option; its command names the run, since the latest changes."""
    key, config = f"model.{option}", {**composition.config, "model": {**composition.config["model"], option: name}}
    return dataclasses.replace(
        composition, config=config, command=composition.command.replace(f"{key}=latest", f"{key}={name}")
    )


def find_embedding(which: str, store: Callable[[], Store], std: float | None) -> InitialEmbedding:
    """The vectors named by a text file of them, or as `find_weights` takes it. ConfigError if there are none."""
    path = Path(which).expanduser()
    try:
        if path.is_file() and not is_checkpoint(path):
            file = open_vector_file(path.absolute())
            return InitialEmbedding(which, str(file.path), file.width, file.digest(), std, file.vectors)
    except (ValueError, OSError) as error:
        raise ConfigError(f"{KEY}: {first_line(error)}") from error
    return of_checkpoint(find_weights(which, store(), KEY), std)


def of_checkpoint(weights: InitialWeights, std: float | None) -> InitialEmbedding:
    """The embedding of a checkpoint. ConfigError if it holds none, or not its vocabulary."""
    found = [weights.content["model"][name] for name in WEIGHTS if name in weights.content["model"]]
    if not found:
        raise ConfigError(f"{KEY}: the network of {weights.source} has no embedding: choose another run")
    return with_symbols(weights, found[0], std, KEY)


def with_symbols(weights: InitialWeights, of_symbols: torch.Tensor, std: float | None, key: str) -> InitialEmbedding:
    """Vectors (V, E) of a checkpoint's symbols. ConfigError if it does not hold these; `key` is the option."""
    if weights.dataset is None or len(weights.dataset.vocabulary) != len(of_symbols):
        raise ConfigError(f"{key}: {weights.source} does not hold the symbols of its vectors: choose another run")
    symbols, vectors = weights.dataset.vocabulary.symbols, of_symbols.float().numpy()

    def chosen(ids: Mapping[str, int]) -> tuple[np.ndarray, np.ndarray]:
        rows = [k for k, symbol in enumerate(symbols) if symbol in ids]
        return np.array([ids[symbols[k]] for k in rows], np.int64), vectors[rows]

    digest = hashlib.blake2b("\0".join(symbols).encode("utf-8", "surrogatepass"), digest_size=8)
    digest.update(np.ascontiguousarray(vectors, "<f4").data)
    return InitialEmbedding(weights.source, weights.which, vectors.shape[1], digest.hexdigest(), std, chosen)
