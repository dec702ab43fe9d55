"""The name of a run that was given none: what was chosen and typed, as part of a folder's name."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from ..config.recorded_form import NOT_IDENTITY
from ..config.settings import MAX_NAME_BYTES, SECTIONS

LETTERS = {"truncation": "T", "batch_size": "B", "embedding_size": "E", "hidden_size": "H", "num_layers": "L"}
# No part of an identity, as their content is.
FILES = ("data.path", "checkpoint", "model.embedding_from", "model.layers_from")
LEFT_OUT = (*(key for key in NOT_IDENTITY if key not in FILES), "runner", "recipe", "sweeps", "hydra")
MAX_LENGTH = 80  # characters; what does not fit is left out


def name_of_run(choices: Mapping[str, str], typed: Mapping[str, str]) -> str:
    """A name like `ptb-lstm-T10-lr0.1`, from the choices and the text typed for each key."""
    name = ""
    for part in _parts(choices, typed):
        text = re.sub(r"([^\w.-]|_)+", "_", part).strip("-_.")
        longer = f"{name}-{text}" if name else text
        if not text or len(longer) > MAX_LENGTH or len(longer.encode()) > MAX_NAME_BYTES:
            continue
        name = longer
    return name or "run"


def _parts(choices: Mapping[str, str], typed: Mapping[str, str]) -> Iterator[str]:
    if choices["runner"] != "train":
        yield choices["runner"]
    if choices.get("recipe"):
        yield choices["recipe"]
    if not choices.get("recipe") or {"data", "model"} & typed.keys():
        yield choices["data"]
        yield choices["model"].removeprefix("torch_")
    for key, value in typed.items():
        if key in FILES:
            yield Path(value).stem
        elif key in ("model", "data") or any(f"{key}.".startswith(f"{out}.") for out in LEFT_OUT):
            continue
        elif key in SECTIONS:
            yield value
        else:
            yield _option(key.rpartition(".")[2], value)


def _option(key: str, value: str) -> str:
    """`T10`, `lr0.1`, `cell_gru`: a word is set apart from its key."""
    between = "" if value[:1] in "0123456789." else "_"
    return f"{LETTERS.get(key, key)}{between}{value}"
