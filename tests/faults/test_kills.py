"""The short form of the kill matrix; `python -m tests.faults.kills` is the full one."""

import pytest

from .kills import disturb


@pytest.mark.faults
@pytest.mark.parametrize("case", [("numpy", "text", "adam"), ("torch", "labels", "sgd")], ids=" ".join)
def test_a_killed_run_resumes_to_the_same_bits(case, empty_store):
    found = disturb(case, kills=3, seed=1, store=empty_store)
    assert found.kills == 3
    assert found.faultless, found
