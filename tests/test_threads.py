"""How many threads a training computes with when none are typed."""

import json

import pytest
import torch

from experiments.interfaces.data import Window
from experiments.models.torch.network import TorchNetwork
from experiments.training import threads

from .models.networks import network

SMALL = ("epochs=1", "model.hidden_size=16")
LARGE = ("epochs=1", "model.hidden_size=400")  # 2 * 1600 * 400 operations for each of the 40 columns of a window


@pytest.fixture(autouse=True)
def two(monkeypatch):
    """Torch would choose two threads; afterwards it has as many as before."""
    before = torch.get_num_threads()
    monkeypatch.setattr(threads, "THREADS", 2)
    yield
    threads.set_threads(None, TorchNetwork)
    torch.set_num_threads(before)


def test_small_products_get_one_thread_and_large_ones_all_unless_a_number_is_typed(train):
    assert train(*SMALL).tags["threads"] == "1"
    assert train(*LARGE).tags["threads"] == "2"
    assert train(*SMALL, "threads=2").tags["threads"] == "2"
    assert train(*LARGE, "threads=1").tags["threads"] == "1"
    assert train("data=string", "model=ngram").tags["threads"] == "2"  # has no products that are known


def test_a_resumed_run_keeps_the_threads_it_began_with(command, train, monkeypatch, tmp_path):
    train(*LARGE, "name=large")
    monkeypatch.setattr(threads, "MANY_OPERATIONS", 1e15)  # as if another machine or version would choose one
    outcome = command("resume=large", "epochs=2", "tracker=memory")
    assert outcome.code == 0, outcome.error
    assert "2 threads" in outcome.out
    assert "last bits" not in outcome.out + outcome.error
    assert "1 thread\n" in command("resume=large", "epochs=3", "threads=1", "tracker=memory").out
    journal = (tmp_path / "runs" / "large" / "journal.jsonl").read_text().splitlines()
    recorded = [json.loads(line)["tags"]["threads"] for line in journal if '"threads": "' in line and "tags" in line]
    assert recorded == ["2", "2", "1"]


def test_more_threads_than_processors_are_not_taken_over(train, monkeypatch, tmp_path):
    train(*SMALL, "threads=3", "name=many")
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    assert threads.recorded_threads(tmp_path / "runs" / "many") == 3
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    assert threads.recorded_threads(tmp_path / "runs" / "many") is None
    assert threads.recorded_threads(tmp_path / "runs" / "nothing") is None


class Columns:
    """Windows of 3 columns, the middle one of 9 steps."""

    def windows(self, *_):
        return [Window(torch.zeros(T, 3).numpy(), torch.zeros(T, 3).numpy(), True, 3 * T) for T in (4, 9, 2)]


@pytest.mark.parametrize("kind", ["torch", "numpy"])
def test_the_largest_product_is_that_of_the_largest_weights_and_the_longest_window(kind):
    class settings:
        batch_size, truncation = 3, 9

    large = network(kind, embedding_size=5, hidden_size=4)  # W_ih (16, 5), W_hh (16, 4), output (5, 4)
    assert threads.largest_product(settings, large, Columns()) == 2 * 27 * 80
    small = {"embedding_size": 4, "hidden_size": 1}  # W_ih (4, 4), W_hh (4, 1); the embedding is (5, 4)
    assert threads.largest_product(settings, network(kind, **small), Columns()) == 2 * 27 * 16
    assert threads.largest_product(settings, network(kind, **small, tied=True), Columns()) == 2 * 27 * 20
