"""What a run is recorded as: its identity, its parameters and its tags."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..config.composition import to_yaml
from ..config.errors import ConfigError
from ..config.keys import flatten
from ..config.recorded_form import identity_options
from .provenance import code_diff, provenance_tags
from .record import RunRecord
from .source_code import SourceCode, git_state

NOTE = "mlflow.note.content"  # the tag that MLflow's page shows as a run's description


NOT_PARAMETERS = ("name", "note", "tags", "published")  # of the config: they say nothing of what is computed


@dataclass(frozen=True)
class RunDescription:
    """What was chosen for a run, and with which code of the user's own."""

    config: Mapping[str, Any]  # plain and resolved
    choices: Mapping[str, str]  # model: torch_lstm, data: ptb, ...
    command: str  # what repeats the run
    code: Mapping[str, SourceCode]  # the user's own, by section
    started_from: str | None  # the run whose weights it starts from
    embedding: str | None = None  # the digest of the vectors that its embedding starts from
    layers: str | None = None  # that of the layers of another network that it starts from

    def identity(self, fingerprint: str) -> str:
        """16 hexadecimal digits: a hash of the data and of all options that decide what is computed."""
        what = identity_options(self.config)
        what |= {"code": {section: code.digest for section, code in self.code.items()}} if self.code else {}
        what |= {"data": fingerprint, "start": self.started_from}
        what |= {} if self.embedding is None else {"embedding": self.embedding}
        what |= {} if self.layers is None else {"layers": self.layers}
        return hashlib.blake2b(json.dumps(what, sort_keys=True).encode(), digest_size=8).hexdigest()

    def parameters(self) -> dict[str, Any]:
        """The config as flattened dotted keys plus the group choices, as a store shows them."""
        code = {f"code.{section}": code.digest for section, code in self.code.items()}
        chosen = {key: value for key, value in self.config.items() if key not in NOT_PARAMETERS}
        return self._tagged_choices() | flatten(chosen) | code

    def tags(self, fingerprint: str) -> dict[str, str]:
        """Where the run comes from and how it is repeated."""
        tags = {} if self.started_from is None else {"started_from": self.started_from}
        tags |= {} if self.embedding is None else {"embedding_digest": self.embedding}
        tags |= {} if self.layers is None else {"layers_digest": self.layers}
        tags |= {"identity": self.identity(fingerprint), "command": self.command, "dataset_fingerprint": fingerprint}
        tags |= self._tagged_choices() | provenance_tags()
        for section, code in self.code.items():
            tags |= {f"code.{section}.{key}": value for key, value in git_state(code.folder).items()}
        own = {tag: str(value) for tag, value in flatten(self.config["tags"]).items()}
        return own | tags | {NOTE: with_command(self.config["note"], self.command)}

    def texts(self) -> Iterator[tuple[str, str]]:
        """Names and contents of the files that belong to the run from its beginning."""
        yield "config.yaml", to_yaml(self.config)
        if diff := code_diff([code.folder for code in self.code.values()]):
            yield "code.patch", diff

    def refuse_other_data_or_code(self, record: RunRecord, fingerprint: str) -> None:
        """Raise ConfigError unless a run that is to be resumed read this data and ran this code."""
        if record.tags.get("dataset_fingerprint") != fingerprint:
            raise ConfigError(f"the run {record.name} cannot be resumed with other data than it began with")
        if record.tags.get("embedding_digest") != self.embedding:
            raise ConfigError(
                f"the run {record.name} cannot be resumed, as the vectors that it began with are others now"
            )
        if record.tags.get("layers_digest") != self.layers:
            raise ConfigError(
                f"the run {record.name} cannot be resumed, as the layers that it began with are others now"
            )
        for section, code in self.code.items():
            if record.parameters.get(f"code.{section}", code.digest) != code.digest:
                files = ", ".join(file.name for file in code.files)
                raise ConfigError(
                    f"the run {record.name} cannot be resumed, as the code of its {section} ({files}) was changed: "
                    f"checkpoint={record.name} starts a new run from its weights"
                )

    def _tagged_choices(self) -> dict[str, str]:
        return {f"choice.{kind}": choice for kind, choice in self.choices.items()}


def with_command(note: str | None, command: str) -> str:
    """A note, if there is one, and the command that repeats what it is about."""
    return f"{note}\n\n" * (note is not None) + f"Repeat with\n```\n{command}\n```"
