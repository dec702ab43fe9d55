"""The command `experiments`: compose conf/ and hand the config to one experiment.

torch and mlflow are imported only when a job begins, so that help and complaints are instant.
"""

import logging
import os
import sys
from importlib.metadata import version
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from .config.arguments import with_added_keys
from .config.binding import bind_settings
from .config.composition import composition_of, resolve
from .config.errors import sentence, unknown
from .config.help import KINDS, choices, option_of_another
from .config.keys import dotted
from .config.paths import HOME, cache_folder, data_folder
from .tracking.interruption import interruptible

# How many turns a thread of torch's spins before it sleeps; must be said before torch is imported. With torch's own
# 300,000 it is ten times slower beside another busy process. With 1,000 it is a tenth slower on an idle machine, and
# with none at all (OMP_WAIT_POLICY=PASSIVE) a small network is twenty times slower there.
os.environ.setdefault("GOMP_SPINCOUNT", "5000")

FULL_ERROR = "HYDRA_FULL_ERROR"


class Screen(logging.StreamHandler):
    """Standard output, whose reader may have had enough of it; what is said then is in the log of the run."""

    def handleError(self, record: logging.LogRecord) -> None:
        if isinstance(sys.exception(), BrokenPipeError):
            silence()
        else:
            super().handleError(record)


class Unhandled(BaseException):
    """Carries the exception of a single job past Hydra, which would put a heading of its own before it."""


def main() -> None:
    """Run the command line; a mistake is one sentence and exit code 1, an interruption 128 + the signal."""
    register_resolvers()
    if "--version" in sys.argv[1:]:
        print(f"recurrent-experiments {version('recurrent-experiments')}")
        return
    wants_traceback = os.environ.setdefault(FULL_ERROR, "0") != "0"
    os.environ[FULL_ERROR] = "1"  # Hydra then raises what it would print itself, in several lines
    try:
        if os.getcwd() not in sys.path:
            sys.path.append(os.getcwd())  # where a model or dataset of the user's own may be
        sys.argv[1:] = with_added_keys(sys.argv[1:])
        hydra.main(config_path=str(HOME / "conf"), config_name="config", version_base="1.3")(job)()
    except KeyboardInterrupt as stop:
        print(f"experiments: {str(stop) or 'interrupted'}", file=sys.stderr)
        sys.exit(128 + getattr(stop, "signal", 2))
    except (Exception, Unhandled) as raised:
        error = raised.__cause__ if isinstance(raised, Unhandled) else raised
        if isinstance(error, BrokenPipeError):  # whoever read our output has enough of it
            silence()
            sys.exit(141)  # as of SIGPIPE
        if wants_traceback:
            raise error from error.__cause__
        print(f"experiments: {explain(error)}", file=sys.stderr)
        sys.exit(1)
    finally:
        os.environ[FULL_ERROR] = str(int(wants_traceback))


def register_resolvers() -> None:
    """What `${home:}` and its like in conf/ stand for."""
    OmegaConf.register_new_resolver("home", lambda: str(HOME), replace=True)
    OmegaConf.register_new_resolver("data_folder", data_folder, replace=True)
    OmegaConf.register_new_resolver("cache_folder", cache_folder, replace=True)
    OmegaConf.register_new_resolver("choices", choices, replace=True)


def job(cfg: DictConfig) -> float | None:
    """One composed config, run. (Jobs of a sweep come another way, see experiments.sweep.job.)"""
    try:
        return run(resolve(cfg), HydraConfig.get())
    except Exception as error:
        raise Unhandled from error


def run(config: dict[str, Any], hydra_section: DictConfig) -> float | None:
    """A plain config and how Hydra composed it -> what the runner returns."""
    log_to_screen()
    bind_settings(config)  # the root keys need no torch, so a mistake there is reported at once
    with interruptible() as stop:  # libraries install handlers of their own while they are imported
        from .experiment import Experiment

        experiment = Experiment.of(composition_of(config, hydra_section, hydra_section.overrides.task))
    stop.check()
    return experiment.run()


def silence() -> None:
    """Let standard output lead nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def log_to_screen(only: str = "experiments") -> None:
    """What the package has to say goes to standard output, one plain line each; of other parts than `only` warnings."""
    log = logging.getLogger("experiments")
    if not log.handlers:
        handler = Screen(sys.stdout)
        handler.setFormatter(logging.Formatter("%(message)s"))
        handler.addFilter(lambda record: record.levelno >= logging.WARNING or record.name.startswith(only))
        log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False


def explain(error: Exception) -> str:
    """One sentence for a person about whatever went wrong."""
    cause = error.__cause__
    if isinstance(error, MissingConfigException) and error.options is not None:
        kind, _, name = str(error.missing_cfg_file).rpartition("/")
        return unknown(kind or "config", name, [option for option in error.options if not option.startswith("_")])
    if isinstance(error, OverrideParseException):
        return f"the override {error.override!r} cannot be read: write KEY=VALUE, and quote what is special to Hydra"
    if isinstance(cause, OmegaConfBaseException) and cause.full_key and "not in struct" in str(cause):
        return option_of_another(cause.full_key) or unknown(
            "key", cause.full_key, dotted_of(cause.parent_node, cause.full_key)
        )
    if "Config group override must be" in str(error):
        wrong = [argument for argument in sys.argv[1:] if argument.partition("=")[0].lstrip("+") in KINDS]
        return f"a choice is the name of a file in conf/, got {' '.join(wrong)}"
    if isinstance(error, HydraException | OmegaConfBaseException):
        return " ".join(str(error).split())
    return sentence(error)


def dotted_of(node, key: str) -> list[str]:
    """Every dotted key of the config that a node belongs to, or those of Hydra's section that a key is in."""
    while node is not None and node._get_parent() is not None:
        node = node._get_parent()
    config = {} if node is None else OmegaConf.to_container(node, resolve=False)
    own = config.pop("hydra", {})
    section = ".".join(key.split(".")[:2])
    if section in ("hydra.launcher", "hydra.sweeper"):
        return dotted(own[section.partition(".")[2]], f"{section}.")
    return dotted(config)
