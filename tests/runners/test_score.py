"""runner=score: probabilities of a text of one's own, which add up to what runner=evaluate computes."""

import csv
import gzip
import io
import json
import math
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from experiments.checkpoints import checkpoint
from experiments.models import NumpyNetwork, TorchNetwork
from experiments.scoring.likelihood import Likelihood, ScoredLine
from experiments.scoring.tokens import token_rows
from experiments.tracking.memory import MemoryStore

from ..conftest import values

TEXT = "the cat sat on the mat\nthe dog sat on the log\n\nthe <unk> ran\n"
SMALL = ("data=words", "data.path=texts", "epochs=1", "batch_size=2", "truncation=5", "threads=1", "precision=float64")
MODELS = ("torch_lstm", "numpy_gru", "ngram")
pytestmark = pytest.mark.usefixtures("texts")


@pytest.fixture
def texts(tmp_path) -> Path:
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "train.txt").write_text(TEXT * 20)
    (folder / "test.txt").write_text("the dog sat on a zebra\n\nthe log ran\nthe cat\n" * 9)
    return folder


@pytest.fixture
def scored(command):
    """Score with a run's best weights; the CSV rows, or what was printed in another form."""

    def run(trained, *options, to="csv"):
        again = (f"checkpoint={trained.folder / 'best.pt'}", "tracker=memory", f"runner.to={to}")
        outcome = command("runner=score", *again, *options)
        assert outcome.code == 0, outcome.error
        return list(csv.DictReader(io.StringIO(outcome.out))) if to == "csv" else outcome.out

    return run


def total(rows) -> tuple[float, int]:
    logs = [float(row["log_probability"]) for row in rows if row["log_probability"]]
    return -math.fsum(logs), len(logs)


def options_of(model: str) -> tuple[str, ...]:
    return (f"model={model}", *(() if model == "ngram" else ("model.hidden_size=12",)))


@pytest.mark.parametrize("model", MODELS)
def test_a_text_scored_line_by_line_sums_to_its_exact_evaluation(command, train, scored, texts, model):
    run = train(*SMALL, *options_of(model))
    assert command("runner=evaluate", f"checkpoint={run.folder}", "tracker=memory").code == 0
    loss = values(MemoryStore.ended[-1], "test/loss")[0]
    (texts / "train.txt").unlink()  # which scoring does not read
    rows = scored(run, f"runner.file={texts / 'test.txt'}", "runner.carry=true")
    nats, count = total(rows)
    assert count == len(rows) - 1 == 9 * 15 - 1  # the first symbol is only read
    assert nats / count == pytest.approx(loss, abs=1e-12)
    assert sum(row["unknown"] == "True" for row in rows) == 18
    last = scored(run, f"runner.file={texts / 'test.txt'}", "runner.carry=true", "runner.show=lines")[-1]
    assert (last["line"], int(last["tokens"]), int(last["unknown"])) == ("total", count, 18)
    assert float(last["perplexity"]) == pytest.approx(math.exp(loss), rel=1e-12)


@pytest.mark.parametrize(("encoding", "line_ends"), [("latin-1", "kept"), ("utf-16-le", "normalized")])
def test_a_file_is_read_as_the_text_of_training(command, train, scored, texts, encoding, line_ends):
    """CR LF, an encoding and .gz: the sum over a file is the exact evaluation of that split."""
    for name in ("train", "test"):
        file = texts / f"{name}.txt"
        lines = file.read_text().replace("zebra", "żebra" if encoding != "latin-1" else "zébra")
        lines = lines.replace("\n", "\r\n") + "the\rcat"
        (texts / f"{name}.txt.gz").write_bytes(gzip.compress(lines.encode(encoding)))
        file.unlink()
    options = ("data=characters", f"data.encoding={encoding}", f"data.line_ends={line_ends}")
    run = train(*options, *SMALL[1:], *options_of("numpy_gru"))
    assert command("runner=evaluate", f"checkpoint={run.folder}", "tracker=memory").code == 0
    loss = values(MemoryStore.ended[-1], "test/loss")[0]
    nats, count = total(scored(run, f"runner.file={texts / 'test.txt.gz'}", "runner.carry=true"))
    returns = 9 * 4 if line_ends == "kept" else 0
    assert count == 9 * len("the dog sat on a zebra\n\nthe log ran\nthe cat\n") + returns + len("the\rcat") - 1
    assert nats / count == pytest.approx(loss, abs=1e-12)
    (texts / "plain.txt").write_text("the cat", encoding="utf-16")  # with a mark, which wins
    assert len(scored(run, f"runner.file={texts / 'plain.txt'}")) == len("the cat\n")


@pytest.mark.slow
@pytest.mark.parametrize("model", ["torch_lstm", "numpy_lstm"])
def test_the_test_split_of_ptb_in_pieces_sums_to_its_exact_evaluation(command, train, scored, real_data, model):
    path = real_data / "ptb"
    little = ("data.corpus_size=5000", "batch_size=20")
    run = train("data=ptb", f"data.path={path}", *options_of(model), *SMALL[2:], *little)
    assert command("runner=evaluate", f"checkpoint={run.folder}", "tracker=memory").code == 0
    rows = scored(run, f"runner.file={path / 'ptb.test.txt'}", "runner.carry=true", "runner.show=lines")
    loss = values(MemoryStore.ended[-1], "test/loss")[0]
    assert int(rows[-1]["tokens"]) == 82_429
    assert -float(rows[-1]["log_probability"]) / 82_429 == pytest.approx(loss, abs=1e-9)


@pytest.mark.parametrize(("model", "network"), [("torch_lstm", TorchNetwork), ("numpy_gru", NumpyNetwork)])
def test_lines_that_begin_afresh_are_those_of_one_forward_pass(train, scored, model, network):
    """By hand: each line alone after <eos>, all of it at once."""
    run = train(*SMALL, *options_of(model))
    rows = scored(run, "runner.text=the cat ran\nthe zebra")
    content = checkpoint.load(run.folder / "best.pt")
    symbols = content["dataset"]["vocabulary"]["symbols"]
    options = {key: value for key, value in content["config"]["model"].items() if key != "_target_"}
    by_hand = network(len(symbols), len(symbols), **options).double().eval()
    by_hand.load_state_dict(content["model"])
    expected = []
    for line in ("<eos> the cat ran <eos>", "<eos> the <unk> <eos>"):
        ids = torch.tensor([symbols.index(word) for word in line.split()])
        log_probs, _ = by_hand.predict(ids[:-1, None], by_hand.initial_state(1))
        expected += [log_probs[t, 0, k].item() for t, k in enumerate(ids[1:])]
    assert [float(row["log_probability"]) for row in rows] == pytest.approx(expected, abs=1e-12)
    assert [row["token"] for row in rows] == ["the", "cat", "ran", "<eos>", "the", "zebra", "<eos>"]
    assert [row["unknown"] for row in rows] == ["False"] * 5 + ["True", "False"]


def test_the_columns_follow_from_the_probabilities():
    """The book's p = 0.8 is a perplexity of 1.25; then 0.2, a mean surprisal of (ln 1.25 + ln 5) / 2."""
    line = ScoredLine(1, "abc", "abc", np.zeros(3, bool), np.array([math.nan, -math.log(0.8), -math.log(0.2)]))
    read, first, second = token_rows(line)
    assert read["probability"] is None
    assert first["probability"] == pytest.approx(0.8)
    assert first["inverse_probability"] == first["running_perplexity"] == pytest.approx(1.25)
    assert first["surprisal_bits"] == pytest.approx(math.log2(1.25))
    assert second["running_log_probability"] == pytest.approx(math.log(0.16))
    assert second["mean_surprisal_nats"] == pytest.approx((math.log(1.25) + math.log(5.0)) / 2)
    assert second["running_perplexity"] == pytest.approx(2.5)
    assert float(line.likelihood.product) == pytest.approx(0.16)
    assert line.likelihood.tokens == 2


def test_the_product_of_a_long_text_is_no_zero():
    assert f"{Likelihood(math.log(10.0) * 500_000, 1).product:.3e}" == "1.000e-500000"


def test_alternatives_are_ranked_and_the_screen_has_a_table(train, scored, monkeypatch):
    run = train(*SMALL, "model=ngram")
    alternatives = b"on the sat\n\nthe cat sat on the mat\nthe cat ran\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(alternatives)))
    rows = scored(run, "runner.show=ranking")
    assert [row["rank"] for row in rows] == ["1", "2", "3"]
    logs = [float(row["log_probability"]) for row in rows]
    assert logs == sorted(logs, reverse=True)
    assert rows[-1]["text"] == "on the sat"
    out = scored(run, "runner.text=the cat sat on\nthe zebra", to="screen")
    assert "line 1: the cat sat on\n" in out
    assert "<eos>" not in out
    assert "zebra *" in out
    assert "* unknown: has the probability of <unk>" in out
    assert out.splitlines()[-1].startswith("total: 8 tokens (1 unknown, 12.5%)  ln p -")


def test_a_line_without_a_scored_token_has_no_rank(command, train, scored):
    run = train("epochs=1", "threads=1")
    (row,) = scored(run, "runner.show=ranking", "runner.text=h\nhello")
    assert (row["text"], row["tokens"]) == ("hello", "4")  # the first symbol is only read
    weights = (f"checkpoint={run.folder}", "tracker=memory")
    refused = command("runner=score", *weights, "runner.show=ranking", "runner.text=h\ne")
    assert "no line to rank: give at least one with two symbols, or a runner.context" in refused.error
    assert len(scored(run, "runner.show=ranking", "runner.text=h\ne", "runner.context=l")) == 2


def test_a_context_is_read_and_not_scored(train, scored):
    run = train(*SMALL, *options_of("torch_lstm"))
    whole = scored(run, "runner.text=the cat sat", "runner.context=")
    after = scored(run, "runner.text=sat", "runner.context=the cat")
    assert whole[0]["probability"] == ""
    assert [row["token"] for row in after] == ["sat", "<eos>"]
    assert [float(row["log_probability"]) for row in after] == pytest.approx(
        [float(row["log_probability"]) for row in whole[2:]], abs=1e-12
    )


def test_json_lines_and_a_page_hold_the_same_numbers(train, scored, tmp_path):
    run = train("epochs=3", "precision=float64", "threads=1")  # characters
    text = "runner.text=0hello\npy"
    rows = scored(run, text)
    first, second, everything = map(json.loads, scored(run, text, to="jsonl").splitlines())
    each = [*first["each"], *second["each"]]
    assert [token["probability"] for token in each] == [
        float(r["probability"]) if r["probability"] else None for r in rows
    ]
    assert everything["log_probability"] == pytest.approx(first["log_probability"] + second["log_probability"])
    assert everything["tokens"] == 5 + 1  # without a symbol for line ends, the first of each line is only read
    assert scored(run, text, to="html") == "score.html\n"
    page = (tmp_path / "score.html").read_text()
    assert f"h: p {float(rows[1]['probability']):.4g}, {float(rows[1]['surprisal_bits']):.2f} bits" in page
    assert page.count('<span class="read"') == 2
    assert "http" not in page  # it needs nothing from elsewhere


def test_a_page_escapes_the_text(train, scored, tmp_path):
    run = train(*SMALL, *options_of("torch_lstm"))
    scored(run, "runner.text=the <script>alert(1)</script> cat", "runner.output=out/page.html", to="html")
    page = (tmp_path / "out" / "page.html").read_text()
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_bad_input_is_one_sentence_and_leaves_no_file(command, train, tmp_path):
    run = train("epochs=1", "threads=1")
    again = ("runner=score", f"checkpoint={run.folder}", "tracker=memory", "runner.output=out.csv", "runner.to=csv")
    (tmp_path / "latin.txt").write_bytes(b"caf\nfa\xe7ade\n")
    (tmp_path / "none.txt").write_bytes(b"")
    for options, expected in {
        ("runner.text=hello\nHELLO",): "'H' at position 0 of line 2 is not in the vocabulary",
        ("runner.file=latin.txt",): "latin.txt is not UTF-8 text: byte 6 is 0xe7",
        ("runner.file=none.txt",): "none.txt is empty: give runner.text=TEXT or runner.file=FILE",
        ("runner.file=nowhere.txt",): "runner.file=nowhere.txt cannot be read: No such file or directory",
        ("runner.text=a", "runner.file=b"): "give text or file, not both",
        ("runner.text=a", "runner.carry=true", "runner.show=ranking"): "give carry=false",
        ("runner.text=a", "runner.context=X"): "'X' at position 0 of runner.context is not in the vocabulary",
    }.items():
        outcome = command(*again, *options)
        assert outcome.code == 1
        assert expected in outcome.error
        assert len(outcome.error.splitlines()) == 1
        assert not list(tmp_path.glob("out.csv*"))
    assert "runner=score needs weights" in command("runner=score", "tracker=memory").error


def test_a_label_network_gives_the_probabilities_of_the_classes_of_every_text(train, scored, reviews, tmp_path):
    """By hand: the last words of each text in one forward pass; an empty text is one step of padding."""
    run = train(
        *("data=imdb", f"data.path={reviews}", "data.max_length=6", "data.valid_fraction=0", "epochs=1"),
        *("model=torch_lstm", "model.hidden_size=8", "threads=1", "precision=float64"),
    )
    content = checkpoint.load(run.folder / "best.pt")
    symbols = content["dataset"]["vocabulary"]["symbols"]
    options = {key: value for key, value in content["config"]["model"].items() if key != "_target_"}
    network = TorchNetwork(len(symbols), 2, **options).double().eval()
    network.load_state_dict(content["model"])
    texts = ["The <br />film was GREAT!", "dull film the film was a poor silly zebra", ""]
    shutil.rmtree(reviews)  # which scoring does not read
    (tmp_path / "texts.txt").write_text("\n".join(texts) + "\n")
    rows = scored(run, f"runner.file={tmp_path / 'texts.txt'}")
    found = ("the film was great !", *texts[1:])  # what the pattern of the data finds
    for row, text, words in zip(rows, texts, found, strict=True):
        ids = [symbols.index(word) if word in symbols else 0 for word in words.split()][-6:] or [-1]
        log_probs, _ = network.predict(torch.tensor(ids)[:, None], network.initial_state(1))
        expected = log_probs[-1, 0].exp().tolist()
        assert [float(row["p(neg)"]), float(row["p(pos)"])] == pytest.approx(expected, abs=1e-12)
        assert row["text"] == text
    assert [row["unknown"] for row in rows] == ["1", "2", "0"]
    out = scored(run, "runner.text=the film was great", to="screen")
    assert out.split()[:5] == ["line", "class", "p(neg)", "p(pos)", "unknown"]
    page = json.loads(scored(run, "runner.text=the film was great", to="jsonl"))
    assert sum(page["probabilities"].values()) == pytest.approx(1.0)
    scored(run, f"runner.file={tmp_path / 'texts.txt'}", to="html")
    assert f"{float(rows[0]['p(neg)']):.4f} neg" in (tmp_path / "score.html").read_text()
