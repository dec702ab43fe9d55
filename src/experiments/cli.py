"""The command `experiments`: compose conf/ and hand the config to one experiment.

torch is imported when a job starts, and MLflow by the thread that delivers a run, so that help and error messages are
instant and training begins at once.
"""

import errno
import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any, TextIO, cast

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from .config.arguments import hydra_arguments
from .config.binding import bind_settings
from .config.catalog import KINDS
from .config.completion import completions, queried
from .config.composition import Composition, composition_of, plain, resolve
from .config.errors import ConfigError, printable, sentence, unknown
from .config.help import asked, choices, chosen_options, found_by, unknown_key
from .config.keys import dotted
from .config.launch import Launch, launch
from .config.paths import HOME, cache_folder, data_folder, environment
from .tracking.interruption import ProcessLost, interruptible

# How many turns a thread of torch's spins before it sleeps; read when torch is imported. With the default of 300,000,
# torch is ten times slower beside another busy process. With 1,000 it is a tenth slower on an idle machine, and without
# spinning (OMP_WAIT_POLICY=PASSIVE) a small network is twenty times slower there.
os.environ.setdefault("GOMP_SPINCOUNT", "5000")

FULL_ERROR = "HYDRA_FULL_ERROR"
PATIENCE = 10.0  # seconds that a process waits for the first one to print the error that both have
MANY = ("-m", "--multirun")  # flags of a sweep


class ConsoleHandler(logging.StreamHandler[TextIO]):
    """Logs to standard output until its reader or the terminal closes it; run.log has everything."""

    def handleError(self, record: logging.LogRecord) -> None:
        error = sys.exception()
        if isinstance(error, BrokenPipeError) or (isinstance(error, OSError) and error.errno == errno.EIO):
            silence(sys.stdout)
        else:
            super().handleError(record)


class Unhandled(BaseException):
    """Carries the exception of a single job past Hydra, which would print a heading of its own before it."""

    def __init__(self, error: Exception):
        self.error = error


def main() -> None:
    """Run the command line; an error is one sentence and exit code 1, an interruption 128 + the signal."""
    register_resolvers()
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a terminal may know ASCII only
    place = Launch()
    if "--version" in sys.argv[1:]:
        print(f"recurrent-experiments {version('recurrent-experiments')}")
        return
    wants_traceback = os.environ.setdefault(FULL_ERROR, "0") != "0"
    os.environ[FULL_ERROR] = "1"  # makes Hydra raise what it would print itself, in several lines
    try:
        place = launch()
        find_own_modules()
        if (shell := queried(sys.argv[1:])) is not None:
            print(("\n" if shell == "fish" else " ").join(completions(os.environ.get("COMP_LINE", ""))))
            return
        if (word := asked(sys.argv[1:])) is not None:
            print(found_by(word))
            return
        hand_over(job)
    except KeyboardInterrupt as stop:
        if place.rank == 0:
            complain(str(stop) or "interrupted")
        sys.exit(128 + getattr(stop, "signal", 2))
    except (Exception, Unhandled) as raised:
        error = raised.error if isinstance(raised, Unhandled) else raised
        if isinstance(error, BrokenPipeError):  # the reader of our output closed it
            silence(sys.stdout)
            sys.exit(141)  # as of SIGPIPE
        if wants_traceback:
            raise error from error.__cause__
        if place.reports(error):
            complain(f"process {place.rank}: " * (place.rank > 0) + explain(error))
        elif not isinstance(error, ProcessLost):  # whose end tells the others
            time.sleep(PATIENCE)  # torchrun ends all processes as soon as one fails, and the first has to say why
        sys.exit(1)
    finally:
        os.environ[FULL_ERROR] = str(int(wants_traceback))


def find_own_modules() -> None:
    """Look for modules in the working directory, too, where a model or dataset of the user's own may be."""
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())


def hand_over(function: Callable[[DictConfig], Any]) -> None:
    """Let Hydra compose the config of sys.argv and call a function with it."""
    sys.argv[1:] = hydra_arguments(sys.argv[1:])
    hydra.main(config_path=str(HOME / "conf"), config_name="config", version_base="1.3")(function)()


def compose(arguments: Sequence[str]) -> Composition:
    """The composition of a command line of one run, nothing run; ConfigError with the sentence that it would print."""
    if wrong := [text for text in arguments if text in MANY or text.startswith(("sweeps=", "hydra.mode="))]:
        raise ConfigError(
            f"one run is wanted here, and {wrong[0]} starts a sweep: type experiments {wrong[0]} ... in a shell"
        )
    found: list[tuple[DictConfig, DictConfig]] = []
    before, full_error = sys.argv, os.environ.get(FULL_ERROR)
    register_resolvers()
    find_own_modules()
    try:
        sys.argv, os.environ[FULL_ERROR] = ["experiments", *arguments], "1"
        hand_over(lambda cfg: found.append((cfg, cast(DictConfig, HydraConfig.get()))))
        if not found:
            raise ConfigError(f"{' '.join(arguments)} composes no run")
        cfg, section = found[0]
        return composition_of(resolve(cfg), section, section.overrides.task)
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(explain(error)) from error
    finally:
        sys.argv = before
        os.environ[FULL_ERROR] = full_error or "0"


def register_resolvers() -> None:
    """Define `${home:}` and the other resolvers used in conf/."""
    OmegaConf.register_new_resolver("home", lambda: str(HOME), replace=True)
    OmegaConf.register_new_resolver("data_folder", data_folder, replace=True)
    OmegaConf.register_new_resolver("cache_folder", cache_folder, replace=True)
    OmegaConf.register_new_resolver("choices", choices, replace=True)
    OmegaConf.register_new_resolver("options", composed_options, replace=True)
    OmegaConf.register_new_resolver("environment", environment, replace=True)


def composed_options(*, _root_: DictConfig) -> str:
    """The options of the config that Hydra composed for `--help`, with comments, as a template that Hydra fills in."""
    config = plain(_root_)
    chosen = config.pop("hydra")["runtime"]["choices"]
    return chosen_options(config, chosen).replace("$", "$$")


def job(cfg: DictConfig) -> float | None:
    """Run one composed config. (The jobs of a sweep are run by experiments.sweep.worker.)"""
    log_to_screen()
    try:
        return run(resolve(cfg), cast(DictConfig, HydraConfig.get()))
    except Exception as error:
        raise Unhandled(error) from error


def run(config: dict[str, Any], hydra_section: DictConfig) -> float | None:
    """Run a plain config; what the runner returns. `hydra_section` says how Hydra composed it."""
    composition = composition_of(config, hydra_section, hydra_section.overrides.task)
    bind_settings(config, composition.typed_texts)  # needs no torch, so a mistake in a root key is reported at once
    with interruptible() as stop:  # libraries install handlers of their own while they are imported
        from .experiment import Experiment

        experiment = Experiment.of(composition)
    stop.check()
    return experiment.run()


def complain(message: str) -> None:
    """Print one line to standard error, if it is still open."""
    try:
        print(f"experiments: {printable(message)}", file=sys.stderr, flush=True)
    except OSError:
        silence(sys.stderr)


def silence(stream: TextIO) -> None:
    """Redirect a stream to /dev/null."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def log_to_screen(only: str = "experiments") -> None:
    """Log to standard output: everything of the loggers below `only`, of the package's others warnings."""
    log = logging.getLogger("experiments")
    if not log.handlers:
        is_first = launch().rank == 0  # of several processes the first one reports
        handler = ConsoleHandler(sys.stdout) if is_first else logging.NullHandler()
        handler.setFormatter(logging.Formatter("%(message)s"))
        handler.addFilter(lambda record: record.levelno >= logging.WARNING or record.name.startswith(only))
        log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False


def explain(error: Exception) -> str:
    """One sentence about an error for the person at the command line."""
    cause = error.__cause__
    if isinstance(error, MissingConfigException) and error.options is not None:
        missing = str(error.missing_cfg_file)
        kinds = (*KINDS, *(f"hydra/{part}" for part in ("launcher", "sweeper")))
        kind = next((kind for kind in kinds if missing.startswith(f"{kind}/")), "config")
        name = missing.removeprefix(f"{kind}/")
        return unknown(kind, name, [option for option in error.options if not option.startswith("_")])
    if isinstance(error, OverrideParseException):
        return f"the override {error.override!r} cannot be read: type KEY=VALUE, with quotes around special signs"
    if isinstance(cause, OmegaConfBaseException) and cause.parent_node is not None and "not in struct" in str(cause):
        return unknown_key(str(cause.full_key), valid_keys(cause.parent_node, str(cause.full_key)))
    if "Config group override must be" in str(error):
        wrong = [argument for argument in sys.argv[1:] if argument.partition("=")[0].lstrip("+") in KINDS]
        kind = wrong[0].partition("=")[0].lstrip("+") if wrong else "model"
        return f"a choice is a name that experiments --help {kind} lists, got {' '.join(wrong)}"
    if isinstance(error, HydraException | OmegaConfBaseException):
        return " ".join(str(error).split())
    return sentence(error)


def valid_keys(node: Any, key: str) -> list[str]:
    """The dotted keys of the config with this node; for a key in hydra.launcher or hydra.sweeper, of that section."""
    config = plain(node._get_root())
    own = config.pop("hydra", {})
    section = ".".join(key.split(".")[:2])
    if section in ("hydra.launcher", "hydra.sweeper"):
        return dotted(own[section.partition(".")[2]], f"{section}.")
    return dotted(config)
