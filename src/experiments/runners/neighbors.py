"""The runner that shows what the vectors of a network's symbols say."""

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import numpy as np
from tabulate import tabulate

from ..config.checks import at_least
from ..config.errors import ConfigError
from ..config.figure import names_in_any_script, save_figure
from ..experiment import Experiment
from ..interfaces.vocabulary import Vocabulary, shown
from ..recording import open_run
from ..scoring.lines import ids_of
from ..understanding import neighbours as rows
from ..understanding.map_figure import draw_map
from ..understanding.neighbours import Map, Neighbour, SymbolVectors
from ..understanding.tables import Row, as_csv
from ..understanding.vector_files import write_vectors
from .requirements import required_weights

log = logging.getLogger("experiments")

ASK = 'give runner.word=king, runner.word="king queen" or runner.analogy="man king woman"'


class Neighbors:
    """The nearest symbols of some, answers to analogies and a map, as tables and a picture; or a file of all vectors.

    `word` and `analogy` are read as a text of the vocabulary, so that a text may hold several symbols.
    Raises ValueError if nothing is asked for.
    """

    def __init__(
        self,
        *,
        word: str | list[str] | None,
        analogy: str | list[str] | None,
        number: int,
        to: Literal["screen", "word2vec", "glove"],
        output: str | None,
    ):
        at_least(1, number=number)
        if to == "screen" and not word and not analogy:
            raise ValueError(f"nothing is asked for: {ASK}")
        if output is not None and to == "screen":
            raise ValueError(f"output={output} is the file of all vectors: give runner.to=word2vec or runner.to=glove")
        self.word, self.analogy, self.number, self.to, self.output = word, analogy, number, to, output

    def run(self, experiment: Experiment) -> None:
        required_weights(experiment)
        vocabulary, vectors = trained_vectors(experiment)
        if self.to != "screen":
            path = Path(self.output or "vectors.txt")
            write_vectors(path, vocabulary.symbols, vectors, header=self.to == "word2vec")
            print(path)
            return
        table = SymbolVectors(vocabulary.symbols, vectors.astype(np.float64))
        words = self._ids(vocabulary, self.word, "word")
        triples = self._triples(vocabulary)
        near = {table.symbols[k]: table.nearest(k, self.number) for k in words}
        answers = {tuple(table.symbols[k] for k in each): table.analogy(*each, self.number) for each in triples}
        around = table.map(words, self.number) if words else None
        self._record(experiment, near, answers, around)

    def _ids(self, vocabulary: Vocabulary, asked: str | list[str] | None, option: str) -> list[int]:
        """The ids of the symbols of an option, in order. ConfigError with a near one if the vocabulary lacks one."""
        texts = [asked] if isinstance(asked, str) else asked or []
        symbols = [symbol for text in texts for symbol in vocabulary.split(text)]
        return [int(k) for k in ids_of(vocabulary, symbols, f"runner.{option}", strict=True)]

    def _triples(self, vocabulary: Vocabulary) -> list[tuple[int, int, int]]:
        ids = self._ids(vocabulary, self.analogy, "analogy")
        if len(ids) % 3:
            raise ConfigError(
                f"runner.analogy must be three words a b c for each question (a is to b as c is to what?), got "
                f'{len(ids)}: give runner.analogy="man king woman"'
            )
        return [(ids[k], ids[k + 1], ids[k + 2]) for k in range(0, len(ids), 3)]

    def _record(
        self,
        experiment: Experiment,
        near: dict[str, list[Neighbour]],
        answers: dict[tuple[str, ...], list[Neighbour]],
        around: Map | None,
    ) -> None:
        """Print the tables, and store them and the map as artifacts of a run."""
        weights = experiment.initial_weights
        assert weights is not None
        tags = {"runner": "neighbors", "evaluated": weights.run_id}
        text = as_text(near, answers)
        # no text is read here: what was found depends on the symbols of the vocabulary alone
        with open_run(experiment, weights.content["vocabulary"], None, None, **tags) as (run, _):
            run.log_text("neighbors.txt", text)
            tables: dict[str, Iterable[Row]] = {"neighbors.csv": rows.neighbour_rows(near)} if near else {}
            tables |= {"analogies.csv": rows.analogy_rows(answers)} if answers else {}
            tables |= {"map.csv": rows.map_rows(around)} if around else {}
            for name, found in tables.items():
                run.log_text(name, as_csv(found))
            if around is not None:
                title = f"{experiment.choices['model']}, {experiment.choices['data']}: words and their neighbours"
                with names_in_any_script():
                    save_figure(draw_map(around, title), run.folder / "map.png")
                run.log_file(run.folder / "map.png")
        print(text)
        if around is not None:
            shares = " and ".join(f"{share:.1%}" for share in around.explained)
            print(f"{run.folder / 'map.png'}  ({len(around.symbols)} words; its axes explain {shares} of the variance)")


def trained_vectors(experiment: Experiment) -> tuple[Vocabulary, np.ndarray]:
    """The vocabulary of the checkpoint and the vectors (V, E) of its symbols. ConfigError if it has none."""
    dataset = experiment.trained_dataset()
    name = experiment.choices["model"]
    vectors = experiment.build_model(dataset).input_vectors
    if vectors is None:
        raise ConfigError(f"{name} has no vectors of symbols: choose the checkpoint of a network with an embedding")
    if len(dataset.vocabulary) != len(vectors):
        raise ConfigError(f"the {len(vectors)} inputs of this {name} have no names, so there are none to show")
    return dataset.vocabulary, vectors.detach().float().cpu().numpy()


def as_text(near: dict[str, list[Neighbour]], answers: dict[tuple[str, ...], list[Neighbour]]) -> str:
    """The tables: a row for each word, and for each analogy, with symbols and cosines."""
    parts = []
    for head, found in (("word", near), ("analogy", {" : ".join(map(shown, abc)): of for abc, of in answers.items()})):
        if found:
            lines = [(word if head != "word" else shown(word), in_a_line(of)) for word, of in found.items()]
            heads = (head, "nearest, with the cosine" if head == "word" else "a : b = c : ?, with the cosine")
            parts.append(tabulate(lines, heads, "plain", disable_numparse=True))
    return "\n\n".join(parts) + "\n"


def in_a_line(neighbours: list[Neighbour]) -> str:
    return "  ".join(f"{shown(symbol)} {cosine:.2f}" for symbol, cosine in neighbours)
