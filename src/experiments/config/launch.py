"""Which of several processes of one run this is: what torchrun puts into the environment."""

import os
from typing import NamedTuple

from .errors import ConfigError

VARIABLES = {"rank": "RANK", "size": "WORLD_SIZE", "local_rank": "LOCAL_RANK", "local_size": "LOCAL_WORLD_SIZE"}
ADDRESS = ("MASTER_ADDR", "MASTER_PORT")


class Launch(NamedTuple):
    """The place of this process among those that train one network together; by default it is alone."""

    rank: int = 0  # among all; 0 is the first one, which records the run
    size: int = 1  # number of all
    local_rank: int = 0  # among those of this machine
    local_size: int = 1  # number of those of this machine

    def reports(self, error: Exception) -> bool:
        """Whether this process prints an error, so that one that all have is printed once on each machine.

        The first process prints all. What ends all processes (an exception with an `outcome`) is its to print, and a
        mistake in the command that of the first one of each machine.
        """
        is_shared = hasattr(error, "outcome") or (isinstance(error, ConfigError) and self.local_rank > 0)
        return self.rank == 0 or not is_shared


def launch() -> Launch:
    """The place of this process. ConfigError if the environment names several processes and not which one this is."""
    if os.environ.get(VARIABLES["size"], "1") == "1":
        return Launch()
    try:
        found = Launch(**{name: int(os.environ[variable]) for name, variable in VARIABLES.items()})
        missing = [variable for variable in ADDRESS if variable not in os.environ]
    except (KeyError, ValueError):
        missing = list(VARIABLES.values())
    if missing or not 0 <= found.rank < found.size:
        raise ConfigError(
            f"WORLD_SIZE={os.environ['WORLD_SIZE']} says that several processes train together, but {missing[0]} is "
            "missing or no number: type torchrun --nproc-per-node=2 -m experiments ..., or unset WORLD_SIZE"
        )
    return found
