"""Text is typed on the command line as it is: taken to the letter, or refused with a line that works."""

import os
import re
import shlex
import subprocess
import sys

import pytest

from experiments.config.binding import bind, bind_settings
from experiments.config.composition import Composition
from experiments.config.errors import ConfigError
from experiments.experiment import LATE, Experiment

TEXTS = ["한글.txt", "나는 학교에", "한글,中文", "中文", "文本 文件.txt", "ファイル", "café.txt", "e\u0301.txt"]
TEXTS += ["😀", "\U0001f469\u200d\U0001f467.txt", "book (1).txt", "(a)", "a&b.txt", "it's.txt", 'say "hi"', "'a"]
TEXTS += ["book#1.txt", "# a", "100%", "%20", "a=b", "[a]", "[a", "a]", "{a}", "{a: 1}", "{a", "~", "a~b", "!", "wow!"]
TEXTS += ["$", "$HOME", "${x", "\\", "a\\b", "a\\", "12", "1e3", "true", "nan", " a ", "the ", "a:b", "a;b", "a|b"]
TEXTS += ["*?", "<a>", "@a", "-a", "+a", "^", "`a`", "a\tb"]
SEVERAL = ["a,b", "hello, world", "choice(a,b)"]

# Choices, and the text options that they have.
COMMANDS = {
    "data=words runner=sample": (
        *("data.path", "data.unknown", "data.end_of_line", "data.cache", "runner.prompt"),
        *("tracker.uri", "tracker.experiment", "tracker.folder", "checkpoint", "resume"),
    ),
    "data=imdb runner=compare": ("data.url", "data.pattern", "runner.runs"),
    "data=string": ("data.text", "data.alphabet"),
}
# The first choices with every text; the others, whose options are read alike, with a third of the texts each.
FIRST, *OTHERS = COMMANDS
CASES = [(FIRST, text) for text in TEXTS]
CASES += [(choices, text) for start, choices in enumerate(OTHERS) for text in TEXTS[start::3]]


@pytest.fixture
def bound(command, monkeypatch):
    """The values of options with which `experiments ...` would begin, and its composition."""

    def run(arguments: list[str], keys: tuple[str, ...]) -> tuple[dict[str, object], Composition]:
        kept: list[Composition] = []

        def keep(composition: Composition, *_: object) -> None:
            kept.append(composition)
            raise ConfigError("kept")

        monkeypatch.setattr(Experiment, "of", keep)
        outcome = command(*arguments)
        if not kept:
            raise ConfigError(outcome.error)
        config, typed = kept[0].config, kept[0].typed_texts
        values = vars(bind_settings(config, typed)).copy()
        for section in {key.partition(".")[0] for key in keys if "." in key}:
            options = bind(config, section, LATE.get(section, ()), typed).options
            values |= {f"{section}.{name}": value for name, value in options.items()}
        return {key: values[key] for key in keys}, kept[0]

    return run


@pytest.mark.parametrize(("choices", "text"), CASES)
def test_text_is_taken_as_it_was_typed(bound, choices, text):
    keys = COMMANDS[choices]
    typed = [*choices.split(), *(f"{key}={text}" for key in keys)]
    values, composition = bound(typed, keys)
    assert values == {key: ["a"] if (key, text) == ("runner.runs", "[a]") else text for key in keys}  # a list of runs
    assert shlex.split(composition.command) == ["experiments", *typed]  # can be pasted into a shell


@pytest.mark.parametrize("text", SEVERAL)
def test_text_that_could_be_several_values_is_refused_with_the_line_that_works(bound, text):
    with pytest.raises(ConfigError) as refused:
        bound(["data=string", f"data.text={text}"], ("data.text",))
    line = re.search(r"for one run each, or (.*) for one text", str(refused.value)).group(1)
    assert bound(["data=string", *shlex.split(line)], ("data.text",))[0] == {"data.text": text}


def test_in_a_sweep_every_text_between_commas_is_a_value(command, tmp_path):
    for name in ("한글.txt", "it's.txt"):
        (tmp_path / name).write_text("나는 간다. " * 200, encoding="utf-8")
    outcome = command("data=characters", "data.path=한글.txt,it's.txt", "epochs=1", "tracker=memory", "-m")
    assert outcome.code == 0, outcome.error
    table = next((tmp_path / "runs").glob("sweep-*/comparison.csv")).read_text(encoding="utf-8")
    assert {os.path.basename(line.split(",")[0]) for line in table.splitlines()[1:]} == {"한글.txt", "it's.txt"}


def test_a_refusal_that_shows_a_vocabulary_is_one_line_without_control_characters(command, tmp_path):
    (tmp_path / "a.txt").write_text("hello there\nhow are you\x1b[31m\nHello\n")
    splits = ("data.valid_fraction=0.2", "data.test_fraction=0.2")
    code, _, error = command("data=characters", "data.path=a.txt", "data.unknown=null", *splits)
    assert code == 1
    assert "is not in the vocabulary (\\n" in error
    assert error.count("\n") == 1
    assert error.rstrip("\n").isprintable()


def test_a_terminal_that_only_shows_ascii_gets_escapes(train, tmp_path):
    run = train("data.text=나는", "data.alphabet=나는01", "epochs=1")
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    sampling = ["runner=sample", f"checkpoint={run.folder}", "runner.prompt=나", "runner.length=2", "tracker=memory"]
    arguments = [sys.executable, "-m", "experiments", *sampling]
    done = subprocess.run(arguments, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Error" not in done.stderr
    assert "\\ub098" in done.stdout
