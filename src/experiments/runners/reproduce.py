"""The runner that trains recipes against their published numbers."""

import dataclasses
import json
import logging
import math
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from ..comparison.report import write
from ..comparison.reproduction import Row, from_json, rows_of, to_json, to_text
from ..config.checks import at_least
from ..config.composition import stated_options
from ..config.errors import ConfigError
from ..config.paths import HOME
from ..config.published import Published
from ..experiment import Experiment
from ..tracking.interruption import interruptible
from ..tracking.record import RunRecord
from ..tracking.records import beginnings_in, complete

log = logging.getLogger("experiments")

MARK = "<!-- results -->"
TAG = "reproduces"  # of the sweeps that it starts: the recipe
OWN = ("runner", "recipe")  # of what may be typed, what is not passed on to the training
PASSED_ON = ("tracker", "threads", "device", "data.path", "data.url", "data.cache", "hydra")


class NotReproduced(ValueError):
    """A number is worse than its recipe says."""


class Reproduce:
    """Train what is missing of a recipe's seeds, or of all recipes of a tier, and compare with what was published.

    The seeds of a recipe are a sweep: what was interrupted goes on, what is there is not trained again. With `output`
    the rows are also kept in a JSON file, in which a recipe that was measured before is replaced, and with `page` the
    table of all rows of that file is put between two lines `<!-- results -->` of Markdown files. Raises NotReproduced
    at the end if a claim does not hold.
    """

    def __init__(
        self,
        *,
        tier: Literal["ci", "cpu", "gpu"],
        train: bool,
        seeds: int | None,
        to: Literal["screen", "markdown"],
        output: str | None,
        page: str | list[str] | None,
    ):
        at_least(1, seeds=seeds)
        if page is not None and output is None:
            raise ValueError("page shows what output keeps: give runner.output=results.json too")
        self.tier, self.train, self.seeds, self.to, self.output = tier, train, seeds, to, output
        self.pages = [Path(name) for name in ([page] if isinstance(page, str) else page or [])]

    def run(self, experiment: Experiment) -> None:
        for page in self.pages:
            around_table(page)  # before anything is trained
        rows: list[Row] = []
        typed = passed_on(experiment.command)
        for recipe, published in self._chosen(experiment):
            if published.needs and published.needs.partition("=")[0] not in {t.partition("=")[0] for t in typed}:
                log.warning(
                    "%s is left out: experiments runner=reproduce recipe=%s %s", recipe, recipe, published.needs
                )
                continue
            published = dataclasses.replace(published, seeds=self.seeds or published.seeds)
            if self.train:
                train(recipe, published.seeds, typed)
            found = rows_of(recipe, published, runs_of(recipe, experiment.store.folder))
            self._keep(found)
            rows += found
        print(to_text(rows, "github" if self.to == "markdown" else "simple"))
        if failed := [row for row in rows if row.result == "FAIL"]:
            names = ", ".join(f"{row.claim.metric} of {row.recipe}" for row in failed)
            raise NotReproduced(f"{len(failed)} of {len(rows)} claims do not hold: {names}")

    def _keep(self, rows: Sequence[Row]) -> None:
        """The rows of a recipe into the file and the page, before the next is trained."""
        if self.output is not None:
            kept = keep(rows, Path(self.output))
            for page in self.pages:
                fill(page, kept)

    def _chosen(self, experiment: Experiment) -> Iterator[tuple[str, Published]]:
        """Recipes with what they reproduce. ConfigError for a recipe that says nothing of it."""
        recipe, stated = experiment.choices.get("recipe"), experiment.settings.published
        if recipe is not None:
            if stated is None:
                raise ConfigError(f"recipe={recipe} does not say what it reproduces: its file has no key published")
            yield recipe, Published.of(stated)
            return
        for name, found in published_recipes().items():
            if found.tier == self.tier:
                yield name, found


def published_recipes() -> dict[str, Published]:
    """All recipes of this package that say what they reproduce, the quickest first."""
    names = sorted(path.stem for path in (HOME / "conf" / "recipe").glob("*.yaml"))
    stated = {name: stated_options([HOME / "conf"], "recipe", name).get("published") for name in names}
    found = {name: Published.of(each) for name, each in stated.items() if each is not None}
    return dict(sorted(found.items(), key=lambda item: (item[1].minutes or math.inf) * item[1].seeds))


def passed_on(command: str) -> list[str]:
    """What was typed and is typed for the training too. ConfigError for what would make another experiment of it."""
    words = shlex.split(command)[1:]
    own_choices = words[:2] if words[:1] == ["--config-dir"] else []
    options = words[len(own_choices) :]
    for word in options:
        key = word.lstrip("+").partition("=")[0]
        if not any(f"{key}.".startswith((f"{name}.", f"{name}/")) for name in (*OWN, *PASSED_ON)):
            raise ConfigError(f"runner=reproduce trains a recipe as it is: leave out {word}")
    return [*own_choices, *(word for word in options if not word.startswith(OWN))]


def train(recipe: str, seeds: int, typed: Sequence[str]) -> None:
    """Train what is missing of a recipe's seeds, in a process of its own, to which signals are passed on.

    ConfigError if that ends with an error, Interrupted after a signal.
    """
    command = ["-m", f"recipe={recipe}", f"seed=range({seeds})", f"tags.{TAG}={recipe}", *typed]
    log.info("experiments %s", shlex.join(command))
    with interruptible() as stop:
        # In a session of its own it does not get the signals of the terminal a second time.
        process = subprocess.Popen([sys.executable, "-m", "experiments", *command], start_new_session=True)
        while process.poll() is None:
            if stop.signal is not None:
                process.send_signal(stop.signal)
                process.wait()
            time.sleep(0.1)
    stop.check()
    if process.returncode:
        raise ConfigError(f"recipe={recipe} was not trained to its end; the same command goes on with it")


def runs_of(recipe: str, folder: Path) -> list[RunRecord]:
    """The seeds of a recipe that were trained last in this folder of run folders."""
    records = beginnings_in(folder)
    sweeps = [run for run in records if run.tags.get("runner") == "sweep" and run.tags.get(TAG) == recipe]
    return complete([run for run in records if run.tags.get("sweep") == sweeps[-1].name]) if sweeps else []


def keep(rows: Sequence[Row], path: Path) -> list[Row]:
    """Put rows into a JSON file, in place of those of the same recipes; all that it holds now."""
    before: Sequence[Mapping[str, object]] = json.loads(path.read_text()) if path.exists() else []
    new = {row.recipe for row in rows}
    kept = [row for row in from_json([dict(row) for row in before]) if row.recipe not in new]
    merged = sorted([*kept, *rows], key=lambda row: row.recipe)
    write(path, (json.dumps(to_json(merged), indent=1) + "\n").encode())
    return merged


def around_table(page: Path) -> tuple[str, str]:
    """What stands before and after the two lines `<!-- results -->` of a Markdown file. ConfigError without them."""
    parts = page.read_text().split(f"{MARK}\n") if page.exists() else []
    if len(parts) != 3:
        raise ConfigError(f"runner.page={page} needs two lines {MARK}, between which the table is put")
    return parts[0], parts[2]


def fill(page: Path, rows: Sequence[Row]) -> None:
    """Put the table of these rows between those two lines."""
    before, after = around_table(page)
    write(page, f"{before}{MARK}\n{to_text(rows, 'github')}\n{MARK}\n{after}".encode())
