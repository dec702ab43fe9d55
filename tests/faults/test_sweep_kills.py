"""The short form of killed sweeps; `python -m tests.faults.sweep_kills` is the full one."""

import pytest

from .sweep_kills import disturb


@pytest.mark.faults
def test_a_killed_sweep_resumes_to_the_same_bits(empty_store):
    found, wrong, num_resumed = disturb("joblib", kills=2, seed=1, store=empty_store, truncations=(3, 7), epochs=20)
    assert found.kills >= 2
    assert found.faultless, found
    assert not any(wrong.values()), wrong
    assert num_resumed
