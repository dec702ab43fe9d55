"""From options, as they are typed in a shell, to an experiment that remembers its runs."""

import contextlib
import dataclasses
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ..cli import compose
from ..config.binding import bind
from ..config.composition import Composition
from ..config.errors import ConfigError, first_line
from ..experiment import Experiment
from ..tracking.interruption import Stop
from ..tracking.run import Run
from ..tracking.store import Store

Options = str | Sequence[str]  # "data=ptb epochs=1", or ["data=words", "data.path=my text.txt"]


@dataclasses.dataclass(frozen=True)
class RememberingExperiment(Experiment):
    """An experiment that knows the folders of the runs that it recorded."""

    folders: list[Path] = dataclasses.field(default_factory=list)

    @contextlib.contextmanager
    def open_run(
        self, fingerprint: str, resumed: Path | None = None, facts: Mapping[str, str] | None = None, **tags: str
    ) -> Iterator[tuple[Run, Stop]]:
        with super().open_run(fingerprint, resumed, facts, **tags) as (run, stop):
            self.folders.append(run.folder)
            yield run, stop


def composition_of_options(options: Options) -> Composition:
    """The config of these options. ConfigError with the sentence that the command would print."""
    return compose(words(options))


def words(options: Options) -> list[str]:
    """One text for each option; a single text is split as a shell would."""
    return shlex.split(options) if isinstance(options, str) else list(options)


def experiment_of(options: Options) -> RememberingExperiment:
    """The checked experiment of these options; no data is read. ConfigError as of the command."""
    experiment = RememberingExperiment.of(composition_of_options(options))
    assert isinstance(experiment, RememberingExperiment)
    return experiment


def store_of(options: Options) -> Store:
    """The place where runs are kept, as `tracker=` and its options say."""
    composition = composition_of_options(options)
    store: Store = bind(composition.config, "tracker", typed=composition.typed_texts).build()
    return store


@contextlib.contextmanager
def errors_as_sentences() -> Iterator[None]:
    """What the command reports in one sentence is a ConfigError with this sentence."""
    try:
        yield
    except ConfigError:
        raise
    except (ValueError, OSError) as error:
        raise ConfigError(first_line(error)) from error
