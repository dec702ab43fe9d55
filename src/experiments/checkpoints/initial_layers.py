"""The option `model.layers_from=`: a network that begins with the embedding and recurrent layers of another one."""

import dataclasses
import hashlib
import logging
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..config.composition import Composition, stated_options
from ..config.errors import ConfigError
from ..config.keys import in_yaml
from ..config.recorded_form import todays_form
from ..interfaces.data import Dataset
from ..interfaces.model import Model
from ..tracking.store import Store
from .initial_embedding import InitialEmbedding, source_named, with_name, with_symbols
from .initial_weights import InitialWeights, find_weights

log = logging.getLogger("experiments")

OPTION = "layers_from"
KEY = f"model.{OPTION}"
# What must be the same.
FORM = ("cell", "bidirectional", "num_layers", "hidden_size", "parameters", "embedding_size", "bias")


@dataclasses.dataclass(frozen=True)
class InitialLayers:
    """The embedding, matched by the text of its symbols, and the weights of the recurrent layers as they are."""

    embedding: InitialEmbedding
    weights: Mapping[str, Tensor]  # of the recurrent layers, by name; without those that read one-hot symbols
    task: str  # what they were trained for, for messages

    @property
    def name(self) -> str:
        """By which it is found again: a path or a run id."""
        return self.embedding.name

    @property
    def digest(self) -> str:
        """16 hexadecimal digits over the symbols and all weights, part of the identity of a run."""
        digest = hashlib.blake2b(self.embedding.digest.encode(), digest_size=8)
        for name, weight in self.weights.items():
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(weight.float().numpy(), "<f4").data)
        return digest.hexdigest()

    @torch.no_grad()
    def load_into(self, model: Model, dataset: Dataset) -> None:
        """Set the layers, and the rows of the embedding whose symbols are known; the output stays as it is.

        ConfigError if no symbol is known.
        """
        self.embedding.load_into(model, dataset)
        parameters = dict(model.named_parameters())
        for name, weight in self.weights.items():
            parameters[name].copy_(weight)  # in place: the NumPy network shares the memory
        layers = ", ".join(dict.fromkeys(name.rpartition(".")[0] for name in self.weights))
        log.info("layers: %s as in %s, %s; the output is new", layers, self.embedding.source, self.task)


def with_initial_layers(
    composition: Composition, store: Callable[[], Store], weights: InitialWeights | None
) -> tuple[Composition, InitialLayers | None]:
    """The composition with the name of the layers that lasts, and the layers; None without the option.

    Weights of a checkpoint hold their own layers. ConfigError if the layers do not fit the network.
    """
    composition, which = source_named(composition, OPTION, weights, "layers")
    if which is None:
        return composition, None
    found = find(which, store(), composition)
    layers = layers_of(found)
    refuse_another_form(composition.config["model"], form_of(found), found.source)
    return with_name(composition, OPTION, layers.name), layers


def find(which: str, store: Store, composition: Composition) -> InitialWeights:
    """As `find_weights`; a run that has the name of a recipe is one that this recipe leaves. ConfigError without it."""
    try:
        return find_weights(which, store, KEY)
    except ConfigError:
        if not stated_options(composition.folders, "recipe", which):
            raise
        line = f"type experiments recipe={which} first, or give {KEY}=RUN"
        raise ConfigError(f"{KEY}={which}: there is no run of this recipe in {store.folder}: {line}") from None


def layers_of(weights: InitialWeights) -> InitialLayers:
    """The layers of a checkpoint. ConfigError if it is of no recurrent network over symbols."""
    stored: Mapping[str, Tensor] = weights.content["model"]
    layers = {name: W for name, W in stored.items() if name.startswith(("layers.", "reverse_layers."))}
    if "layers.0.W_hh" not in layers:
        raise ConfigError(
            f"{KEY}: the network of {weights.source} has no recurrent layers: choose a run of a language model, as of "
            "model=torch_lstm or model=numpy_rnn"
        )
    # Where symbols are read as one-hot vectors, the columns of W_ih are theirs.
    vectors = stored["embedding.W"] if "embedding.W" in stored else layers.pop("layers.0.W_ih").T
    embedding = with_symbols(weights, vectors, None, KEY)
    is_labelled = weights.dataset is not None and weights.dataset.labelled
    return InitialLayers(embedding, layers, "a network for labels" if is_labelled else "a language model")


def form_of(weights: InitialWeights) -> Mapping[str, Any]:
    """The options of a checkpoint's network, with the sizes that its weights have: a budget may have decided them."""
    found, options = weights.content["model"], todays_form(weights.content["config"])["model"]
    sizes = [found[f"layers.{k}.W_hh"].shape[1] for k in range(options["num_layers"])]
    embedding_size = found["embedding.W"].shape[1] if "embedding.W" in found else None
    solved = {"parameters": None, "hidden_size": _one_size(sizes), "embedding_size": embedding_size}
    return {**options, **solved}


def refuse_another_form(model: Mapping[str, Any], stored: Mapping[str, Any], source: str) -> None:
    """ConfigError that names what to type if the network has another form than that of the stored layers."""
    here = {name: _one_size(model[name]) for name in FORM if name in model}
    differing = [name for name in here if here[name] != stored.get(name, here[name])]
    if differing:
        named = ", ".join(f"{name} {_typed(stored[name])} (here {_typed(here[name])})" for name in differing)
        line = " ".join(f"model.{name}={_typed(stored[name])}" for name in differing)
        raise ConfigError(f"{KEY}: the layers in {source} have {named}: give {line}")


def _one_size(size: Any) -> Any:
    """A list of the same size for every layer as that size; anything else as it is."""
    return size[0] if isinstance(size, list) and len(set(size)) == 1 else size


def _typed(value: Any) -> str:
    """A value as it is typed."""
    return in_yaml(value).replace(" ", "")
