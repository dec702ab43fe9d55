"""Which epochs have a line on the screen."""

import re

import pytest

LONG = ("model.hidden_size=4", "threads=1", "tracker=memory")


def epochs(printed: str) -> list[int]:
    return [int(number) for number in re.findall(r"^epoch (\d+)/", printed, re.MULTILINE)]


@pytest.mark.parametrize(
    ("every", "num_epochs", "lines"),
    [("4", 10, [1, 4, 8, 10]), ("1", 3, [1, 2, 3]), ("50", 6, [1, 6]), ("null", 5, [1, 5])],
)
def test_every_nth_epoch_the_first_and_the_last_have_a_line(command, every, num_epochs, lines):
    outcome = command(*LONG, f"epochs={num_epochs}", f"runner.print_every={every}")
    assert epochs(outcome.out) == lines


def test_the_last_epoch_has_a_line_when_patience_ends_the_training(command):
    still = ("optimizer=sgd", "optimizer.lr=1e-30", "patience=3", "epochs=50", "runner.print_every=40")
    assert epochs(command(*LONG, *still).out) == [1, 4]


def test_print_every_of_no_epochs_is_refused(command):
    outcome = command("runner.print_every=0")
    assert outcome.code == 1
    assert "print_every must be at least 1, got 0" in outcome.error
