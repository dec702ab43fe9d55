"""System metrics, where psutil is installed."""

from types import SimpleNamespace

import torch

from experiments.training import system_metrics

from .conftest import values


def test_without_psutil_there_are_none(train, monkeypatch):
    monkeypatch.setattr(system_metrics, "psutil", None)
    assert system_metrics.SystemMetrics(torch.device("cpu")).measure() == {}
    assert not [point for point in train("epochs=1", "runner.log_interval=1").points if point.key.startswith("system/")]


def test_they_are_logged_with_the_metrics_of_an_interval(train, monkeypatch):
    process = SimpleNamespace(memory_info=lambda: SimpleNamespace(rss=3_000_000))
    machine = SimpleNamespace(
        Process=lambda: process,
        cpu_percent=lambda: 12.5,
        virtual_memory=lambda: SimpleNamespace(used=5_000_000, percent=50.0),
    )
    monkeypatch.setattr(system_metrics, "psutil", machine)
    run = train("epochs=4", "runner.log_interval=2")
    assert set(values(run, "system/cpu_utilization_percentage")) == {12.5}
    assert set(values(run, "system/process_memory_megabytes")) == {3.0}
    steps = [point.step for point in run.points if point.key == "system/system_memory_usage_megabytes"]
    assert steps == [point.step for point in run.points if point.key == "interval/loss"] != []
