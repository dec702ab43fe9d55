"""From options, as they are typed in a shell, to an experiment."""

import contextlib
import shlex
from collections.abc import Iterator, Sequence

from ..cli import compose
from ..config.composition import Composition
from ..config.errors import ConfigError, first_line
from ..experiment import Experiment

Options = str | Sequence[str]  # "data=ptb epochs=1", or ["data=words", "data.path=my text.txt"]


def composition_of_options(options: Options) -> Composition:
    """The config of these options. ConfigError with the sentence that the command would print."""
    return compose(words(options))


def words(options: Options) -> list[str]:
    """One text for each option; a single text is split as a shell would."""
    return shlex.split(options) if isinstance(options, str) else list(options)


def experiment_of(options: Options) -> Experiment:
    """The checked experiment of these options; no data is read. ConfigError as of the command."""
    return Experiment.of(composition_of_options(options))


@contextlib.contextmanager
def errors_as_sentences() -> Iterator[None]:
    """What the command reports in one sentence is a ConfigError with this sentence."""
    try:
        yield
    except ConfigError:
        raise
    except (ValueError, OSError) as error:
        raise ConfigError(first_line(error)) from error
