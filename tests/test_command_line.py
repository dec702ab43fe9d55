"""What a person types, and the one sentence that a mistake gives."""

import json
import os
import shlex
import subprocess
import sys
import time

import pytest

from experiments.config.catalog import options
from experiments.config.completion import completions
from experiments.config.help import choices
from experiments.tracking.memory import MemoryStore

MISTAKES = {
    "modle=torch_rnn": "there is no key modle; did you mean model?",
    "model=torch_lstmm": "there is no model torch_lstmm; did you mean torch_lstm?",
    "model=_netwrk": "there is no model _netwrk; valid are bag_of_words, cbow, ",
    "model=ngram model.num_layers=2": "model.num_layers is no option of the chosen model but of numpy_gru, numpy_lstm,",
    "model.hiden_size=3": "there is no key model.hiden_size; did you mean model.hidden_size?",
    "+model.hiden_size=3": "there is no key model.hiden_size; did you mean model.hidden_size?",
    "++extra=3": "there is no key extra",
    "lr=3": "did you mean optimizer.lr?",
    "cell=bogus": "there is no key cell; did you mean model.cell?",
    "optimizer.lr=-1": "optimizer: Invalid learning rate: -1.0",
    "model.dropout=1.5": "model: dropout must be a probability from 0 to below 1, got 1.5",
    "schedule=stepp": "there is no schedule stepp; did you mean step?",
    "recipe=textbook_rnn": "there is no recipe textbook_rnn; did you mean textbook_rnnlm?",
    "data=characters data.path=/nowhere/text.txt": "data: there is no data file /nowhere/text.txt",
    "data=characters data.path=x data.valid_fraction=7": "data: valid_fraction must be from 0 to below 1, got 7.0",
    "data.text=''": "data: text is empty",
    "data.text=Hello": "data: 'H' at position 1 of the text is not in the vocabulary",
    "batch_size=60": "the corpus is shorter than the batch: 49 transitions",
    "device=gpu": "device must be one of auto, cpu, cuda, mps, got 'gpu'",
    "checkpoint=latest": "checkpoint: there is no store",
    "checkpoint=no/such.pt": "checkpoint: there is no file no/such.pt",
    "optimizer=null": "a choice is a name that experiments --help optimizer lists, got optimizer=null",
    "threads=100000": "threads must be at most",
    "+optimizer.differentiable=true": "optimizer: ",
    "schedule.gamma=3": "schedule.gamma is no option of the chosen schedule but of step: type schedule=step",
    "tracker.uri=nonsense": "tracker: uri must be sqlite:///FILE or http://SERVER:PORT, got 'nonsense'",
    "data=characters data.path=/dev/null": "data: /dev/null is not a file",
    "runner=evaluate": "runner=evaluate needs weights: give checkpoint=latest, a run id or a file",
    "data.path=book.txt": "data.path is no option of the chosen data but of characters, words,",
    "model={": "there is no model {; valid are",
    "mod{el=3": "the override 'mod{el=3' cannot be read: type KEY=VALUE",
    "model=numpy_rnn,torch_rnn": "is several values: type -m model=numpy_rnn,torch_rnn for one run each, or ",
    "seed=1,2,3": "seed=1,2,3 is several values: type -m seed=1,2,3 for one run each",
    "model.dropout=choice(null,0.25)": "type several values as -m model.dropout=null,0.25",
    "sweeps=truncation,cell": "sweeps= takes the name of one file in sweeps/, got truncation,cell",
    "--epochs 3": "there is no flag --epochs: an option is typed as epochs=3",
    "hydra/launcher=joblib": "hydra/launcher=joblib has an effect on sweeps only: add -m",
    "data.text=${b}": "where ${ is meant as text, type \\${",
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_sentence_and_leaves_nothing_behind(command, mistake, tmp_path):
    code, _, error = command(*shlex.split(mistake) if " " in mistake else [mistake])
    assert code == 1
    assert error.startswith("experiments: ")
    assert MISTAKES[mistake] in error
    assert len(error.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []  # no run, no store, no folder


@pytest.mark.parametrize("setting", ["precision=bfloat16", "device=cuda"])
def test_the_numpy_networks_refuse_what_numpy_cannot(command, setting):
    code, _, error = command("model=numpy_gru", setting)
    assert code == 1
    assert f"{setting} is not supported" in error


@pytest.mark.parametrize("section", ["model", "data", "optimizer", "schedule", "runner", "tracker"])
def test_a_removed_section_is_an_error_that_names_it(command, section):
    code, _, error = command(f"~{section}")
    assert code == 1
    assert len(error.strip().splitlines()) == 1
    assert section in error


def test_the_recorded_command_repeats_the_run(command, tmp_path):
    (tmp_path / "mine" / "optimizer").mkdir(parents=True)
    (tmp_path / "mine" / "optimizer" / "slow.yaml").write_text("_target_: torch.optim.SGD\nlr: 0.1\n")
    command("--config-dir", "mine", "optimizer=slow", "data.text='a b'", "epochs=1", "tracker=memory")
    recorded = shlex.split(MemoryStore.ended[-1].tags["command"])
    assert recorded[0] == "experiments"
    assert command(*recorded[1:]).code == 0
    first, second = MemoryStore.ended
    assert first.tags["identity"] == second.tags["identity"]


def test_a_mistake_in_the_last_job_of_a_sweep_is_reported_before_the_first_job(command, tmp_path):
    code, _, error = command("-m", "optimizer.lr=0.01,-1", "epochs=1", "tracker=memory")
    assert code == 1
    assert error.strip().splitlines()[-1] == "experiments: optimizer.lr=-1: optimizer: Invalid learning rate: -1.0"
    assert list(tmp_path.iterdir()) == []


def test_hydra_full_error_shows_a_traceback(command, monkeypatch):
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(ValueError, match="truncation must be at least 1"):
        command("truncation=0")


def test_the_version_is_printed_whatever_else_is_given(command):
    assert command("--version").out.startswith("recurrent-experiments ")
    assert command("epochs=1", "--version").out.startswith("recurrent-experiments ")


def test_help_may_be_piped_into_head(tmp_path):
    script = f"{sys.executable} -m experiments --help | head -c 20 && echo"
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == "Train and compare re\n"
    assert "Error" not in done.stderr


def test_a_run_continues_when_its_output_is_closed(tmp_path):
    script = f"{sys.executable} -m experiments epochs=60 tracker=memory | head -n 1"
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""
    (folder,) = (tmp_path / "runs").iterdir()
    assert '"outcome": "completed"' in (folder / "journal.jsonl").read_text()


def test_help_lists_every_choice_with_its_first_comment(command):
    text = command("--help").out
    assert "numpy_lstm           LSTM in NumPy, backpropagation through time by hand" in text
    assert "textbook_rnnlm" in text
    assert "_network" not in text
    assert "truncation=35                        # T, steps that a gradient travels back" in text
    assert "  optimizer.betas=[0.9,0.999]        # memories of the mean" in text


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (
            ["--help", "model.forget_bias"],
            ["model.forget_bias=0.0", "with model=numpy_gru|numpy_lstm|numpy_rnn|torch_gru"],
        ),
        (["-h", "dropout"], ["model.dropout=0.0                    # probability, between layers"]),
        (["--help=lr"], ["optimizer.lr=0.01                    # learning rate", "with optimizer=adam\n"]),
        (["learning_rate", "--help"], ["optimizer.lr=1.0                     # learning rate", "with optimizer=sgd"]),
        (["--help", "schedule"], ["schedule=plateau  Divided whenever"]),
        (["--help", "ngram"], ["model=ngram  Interpolated", "model.order=5"]),
        (["--help", "temperature"], ["runner.temperature=1.0", "with runner=sample"]),
        (["--help", "fail_fast"], ["hydra.sweeper.fail_fast=false"]),
        (["--help", "learning"], ["sweeps=learning_rate", "optimizer.lr=0.01", "with optimizer=adam\n"]),
    ],
)
def test_help_finds_choices_and_options_by_a_word(command, arguments, lines):
    code, text, error = command(*arguments)
    assert (code, error) == (0, "")
    assert [line for line in lines if line not in text] == []


def test_help_without_a_match_says_so(command):
    code, text, error = command("--help", "xyzzy")
    assert (code, text) == (1, "")
    assert "no choice and no option is about 'xyzzy'" in error


def test_every_option_of_conf_has_a_comment():
    assert [option.key for option in options() if not option.comment] == []


def test_help_is_coloured_on_a_terminal_unless_no_color_is_set(monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert choices().startswith("\x1b[1mmodel=\x1b[0m\n  \x1b[36mbag_of_words")
    monkeypatch.setenv("NO_COLOR", "1")
    assert choices().startswith("model=\n  bag_of_words")


SGD = ("dampening", "lr", "momentum", "nesterov", "weight_decay")


def test_the_tab_key_offers_choices_and_root_keys_alone():
    offered = completions("experiments ")
    assert {"model=", "data=", "epochs=", "sweeps="} <= set(offered)
    assert not [offer for offer in offered if not offer.endswith("=") or "/" in offer or "hydra" in offer]
    assert completions("experiments recipe=")[:2] == ["recipe=awd_lstm_ptb", "recipe=char_gru"]
    assert all(offer.startswith("model=") for offer in completions("experiments model="))


COMPLETED = {
    "experiments model=torch_l": ["model=torch_lstm"],
    "experiments model.hidden": ["model.hidden_size="],
    "experiments recipe=char": ["recipe=char_gru", "recipe=char_lstm"],
    "experiments sweeps=t": ["sweeps=truncation", "sweeps=truncation_cells"],
    "experiments model=ngram model.": ["model.discounts=", "model.order="],
    "experiments optimizer=sgd optimizer.": [f"optimizer.{name}=" for name in SGD],
    "experiments r": ["recipe=", "reduction=", "resume=", "runner.", "runner="],
}


def test_the_tab_key_completes_in_bash():
    script = 'eval "$(experiments -sc install=bash)"\n' + "".join(
        f"""
        COMP_LINE="{line}" COMP_POINT={len(line)} COMP_CWORD={len(line.split()) - 1} COMP_WORDS=({line})
        $(complete -p experiments | sed -E 's/.*-F ([^ ]+) .*/\\1/')
        echo "${{COMPREPLY[@]}}"
        """
        for line in COMPLETED
    )
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path}
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=environment)
    assert [line.split() for line in done.stdout.splitlines()] == list(COMPLETED.values()), done.stderr


def test_the_module_is_the_same_command():
    done = subprocess.run([sys.executable, "-m", "experiments", "--cfg", "job"], capture_output=True, text=True)
    assert done.returncode == 0
    assert "truncation: 35" in done.stdout


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_the_run_as_killed_with_its_last_checkpoint(name, tmp_path, store):
    import signal

    from mlflow import MlflowClient

    number = getattr(signal, name)
    arguments = [sys.executable, "-m", "experiments", "epochs=1000000", "threads=1", "tracker.interval=0"]
    process = subprocess.Popen(
        arguments,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # the tests may run under nohup
    )
    assert "experiments epochs=1000000" in process.stdout.readline()
    time.sleep(1.0)
    process.send_signal(number)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert error.strip() == f"experiments: stopped by {name}"
    client = MlflowClient(store)
    (run,) = client.search_runs([e.experiment_id for e in client.search_experiments()])
    assert run.info.status == "KILLED"
    assert run.data.tags["outcome"] == "interrupted"
    (folder,) = (tmp_path / "runs").iterdir()
    assert {"last.pt", "best.pt", "journal.jsonl", "learning_curve.png"} <= set(os.listdir(folder))


@pytest.mark.parametrize("with_nohup", [False, True])
def test_a_closed_terminal_ends_a_run_as_killed_unless_nohup_is_used(with_nohup, tmp_path):
    import fcntl
    import pty
    import signal
    import termios

    ours, theirs = pty.openpty()

    def own_terminal():
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        signal.signal(signal.SIGHUP, signal.SIG_IGN if with_nohup else signal.SIG_DFL)

    arguments = [sys.executable, "-m", "experiments", "epochs=1000", "threads=1", "tracker=memory"]
    process = subprocess.Popen(
        arguments, cwd=tmp_path, stdin=theirs, stdout=theirs, stderr=theirs, preexec_fn=own_terminal
    )
    os.close(theirs)
    shown = b""
    while b"epochs=1000" not in shown:  # the first line, once it trains
        shown += os.read(ours, 1000)
    os.close(ours)
    assert process.wait(60) == (0 if with_nohup else 128 + signal.SIGHUP)
    (journal,) = (tmp_path / "runs").glob("*/journal.jsonl")
    last = json.loads(journal.read_text().splitlines()[-1])
    assert last["status"] == ("FINISHED" if with_nohup else "KILLED")


def test_a_former_key_is_read_and_recorded_alone_and_in_a_sweep(train, command, tmp_path):
    small = ("truncation=5", "epochs=1", "model.hidden_size=4")
    assert train(*small).parameters["windows_per_update"] == "1"
    run = train(*small, "windows_per_update=2")
    assert run.parameters["windows_per_update"] == "2"
    assert run.tags["command"] == shlex.join(["experiments", *small, "windows_per_update=2", "tracker=memory"])
    outcome = command("-m", *small, "windows_per_update=1,2", "tracker=memory")
    assert outcome.code == 0, outcome.error
    (table,) = (tmp_path / "runs").glob("sweep-*/comparison.csv")
    assert [line.split(",")[0] for line in table.read_text().splitlines()] == ["windows_per_update", "1", "2"]


def test_plus_signs_are_recorded_if_the_user_typed_them(train, command):
    run = train("epochs=1", "++model.hidden_size=4")
    assert "++model.hidden_size=4" in run.tags["command"]
    assert (
        command(
            "runner=evaluate", "runner.split=train", f"checkpoint={run.name}", "data.wrap=true", "tracker=memory"
        ).code
        == 0
    )
    assert MemoryStore.ended[-1].tags["command"].endswith("data.wrap=true tracker=memory")


@pytest.mark.parametrize("typed", ["checkpoint=''", "+sweep={name: x}"])
def test_an_empty_checkpoint_and_the_former_key_of_jobs_are_refused_in_one_sentence(command, typed):
    outcome = command(typed, "tracker=memory")
    assert outcome.code == 1
    assert len(outcome.error.splitlines()) == 1
    assert "HYDRA_FULL_ERROR" not in outcome.error  # which is named where the error is one of the program


def test_resume_auto_that_begins_anew_names_the_nearest_unfinished_run(command, monkeypatch, tmp_path):
    small = ("model.hidden_size=4", "epochs=1", "threads=1", "tracker=memory", "resume=auto")
    assert "a new run begins" not in command(*small).out  # no run is unfinished

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("experiments.training.loop.Training.test", interrupted)
        assert command(*small, "seed=1").code == 130
        far = ("model=torch_gru", "seed=2", "clip_norm=1", "optimizer.lr=0.5", "reduction=sum_over_time")
        assert command(*small, *far).code == 130
    journals = {path.parent.name: path.read_text() for path in tmp_path.glob("runs/*/journal.jsonl")}
    (near,) = (name for name, text in journals.items() if "interrupted" in text and "-gru" not in name)
    (line,) = (line for line in command(*small, "seed=3").out.splitlines() if line.startswith("a new run begins"))
    differs = f"the nearest unfinished one, {near}, differs in seed (1, now 3)"
    assert line == f"a new run begins: {differs}; resume={near} resumes it"
    assert "a new run begins" not in command(*small, "seed=1").out  # it is resumed
    (line,) = (line for line in command(*small, "seed=3", "batch_size=2").out.splitlines() if "a new run" in line)
    assert line.count("now") == 3
    assert "more; resume=string-gru-" in line
