"""A part of the matrix of disturbed requests; `python -m tests.faults.requests` runs all of it."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.faults


def test_whatever_happens_to_a_request_the_store_ends_as_the_journal():
    """Every fault once in a run and once in a sweep."""
    done = subprocess.run(  # a process of its own, whose clients wait for a second only
        [sys.executable, "-m", "tests.faults.requests", "6"], capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith("all: 12 trials, 0 foreign points, 0 missing points, ")
