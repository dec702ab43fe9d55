"""What Hydra's side of a sweep hands to ours."""

from typing import Any, NamedTuple


class Composed(NamedTuple):
    """A config as Hydra composes it for one job."""

    config: dict[str, Any]
    choices: dict[str, str]
    overrides: list[str]  # that lead to it
    folders: list[str]  # that its files are from
    own: list[str]  # those among them that were typed (--config-dir)
