"""What submitit's signal does to a job, without submitit."""

import signal

import pytest

from experiments.sweep.job import SweepJob
from experiments.sweep.worker import handle_preemption


@pytest.fixture
def calls(monkeypatch):
    """What a handler like submitit's was called with; it is in its place while the test runs."""
    monkeypatch.setattr(SweepJob, "is_preempted", False)
    heard = []
    before = signal.signal(signal.SIGUSR2, lambda number, _: heard.append(number))
    yield heard
    signal.signal(signal.SIGUSR2, before)


def test_the_signal_is_noted_and_handed_on_when_the_run_has_ended(calls, monkeypatch):
    monkeypatch.setenv("SUBMITIT_EXECUTOR", "slurm")
    requeue = handle_preemption()
    signal.raise_signal(signal.SIGUSR2)
    assert (SweepJob.is_preempted, calls) == (True, [])
    requeue()
    assert calls == [signal.SIGUSR2]


def test_a_job_that_cannot_be_requeued_is_left_to_its_sweep(calls, monkeypatch):
    def refuse(*_):
        raise OSError("no scontrol here")

    signal.signal(signal.SIGUSR2, refuse)
    monkeypatch.setenv("SUBMITIT_EXECUTOR", "slurm")
    handle_preemption()()
    assert calls == []  # and nothing is raised


def test_elsewhere_the_signal_is_left_alone(calls, monkeypatch):
    monkeypatch.delenv("SUBMITIT_EXECUTOR", raising=False)
    handle_preemption()()
    signal.raise_signal(signal.SIGUSR2)
    assert (SweepJob.is_preempted, calls) == (False, [signal.SIGUSR2])
