"""What `runner=compare` costs over 1,005 runs of 15 epochs in an sqlite store, in a process of its own."""

import contextlib
import io
import json
import math
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .problem import Problem
from .side import Measured

SEEDS = range(15)
POINTS = [(truncation, size) for truncation in (1, 2, 5, 10, 20, 35, 50) for size in range(10, 110, 10)][:67]
EPOCHS, NUM_OPTIONS = 15, 50  # as many options as a run of the default command has
SWEEP = "a-sweep"
OF_EPOCHS = ("loss", "perplexity", "accuracy", "bits_per_symbol")


def measure(_: Problem) -> Measured:
    """`whole` seconds of a comparison; `seconds` of them without the imports; one loss: the number of queries."""
    began = time.perf_counter()
    import mlflow.store.tracking.sqlalchemy_store  # noqa: F401
    import pandas  # noqa: F401
    import scipy.stats  # noqa: F401
    import torch._dynamo  # noqa: F401

    imported = time.perf_counter() - began
    from sqlalchemy import Engine, event

    from experiments import cli

    queries: list[str] = []
    event.listen(Engine, "before_cursor_execute", lambda *arguments: queries.append(arguments[2]))
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        fill(Path("mlflow.db").absolute())
        queries.clear()
        sys.argv = ["experiments", "runner=compare", "tracker.uri=sqlite:///mlflow.db"]
        began, began_cpu = time.perf_counter(), time.process_time()
        with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO())) as printed:
            cli.main()
        took, cpu = time.perf_counter() - began, time.process_time() - began_cpu
        os.chdir("/")
        printed.seek(0)
    assert f"sweep {SWEEP}" in printed.read()
    return Measured(took, took, cpu, 0, [float(len(queries))], imported + took)


def fill(database: Path) -> None:
    """An sqlite store with a sweep of 67 points and 15 seeds, written past MLflow, which takes minutes for it."""
    from mlflow.store.tracking.dbmodels import models
    from sqlalchemy import create_engine, insert

    from experiments.tracking.mlflow_connection import create_store, open_experiment

    create_store(database)
    _, experiment_id = open_experiment(f"sqlite:///{database}", "recurrent")
    tables = (models.SqlRun, models.SqlTag, models.SqlParam, models.SqlMetric, models.SqlLatestMetric)
    rows: dict[Any, list[dict]] = {table: [] for table in tables}
    for number, (name, tags, parameters, metrics) in enumerate(runs()):
        add(rows, tables, experiment_id, number, (name, tags, parameters, metrics))
    with create_engine(f"sqlite:///{database}").begin() as connection:
        for table in tables:
            connection.execute(insert(table), rows[table])


def runs() -> Iterator[tuple[str, dict[str, str], dict[str, str], dict[tuple[str, int], float]]]:
    """Name, tags, parameters and metrics of the sweep, then of its jobs."""
    axes = json.dumps(["truncation", "model.hidden_size", "seed"])
    yield SWEEP, {"runner": "sweep", "sweep.axes": axes, "sweep.search": "grid", "outcome": "completed"}, {}, {}
    common = {"choice.model": "torch_lstm", "choice.data": "ptb"}
    common |= {f"option.number_{k}": str(k) for k in range(NUM_OPTIONS)}
    tags = {"runner": "train", "outcome": "completed", "sweep": SWEEP, "seconds": "12.5", "num_parameters": "5"}
    tags |= {f"tag.number_{k}": "a value of a tag" for k in range(20)}
    for truncation, size in POINTS:
        for seed in SEEDS:
            own = {"truncation": str(truncation), "model.hidden_size": str(size), "seed": str(seed)}
            yield f"run-{truncation}-{size}-{seed}", tags, common | own, metrics_of(truncation, size, seed)


def metrics_of(truncation: int, size: int, seed: int) -> dict[tuple[str, int], float]:
    """(key, step) -> value of a language model."""
    found: dict[tuple[str, int], float] = {}
    for epoch in range(1, EPOCHS + 1):
        loss = 4 + 1 / truncation + 10 / size + 2 / epoch + 0.01 * seed
        for split in ("train", "valid"):
            values = (loss, math.exp(loss), 1 / loss, loss / math.log(2))
            found |= {(f"{split}/{metric}", 1000 * epoch): value for metric, value in zip(OF_EPOCHS, values)}
        extra = {"train/epoch": epoch, "train/updates": 50.0 * epoch, "train/targets_per_second": 5000.0}
        found |= {(key, 1000 * epoch): float(value) for key, value in extra.items()}
    return found | {("test/loss", 1000 * EPOCHS): loss, ("test/perplexity", 1000 * EPOCHS): math.exp(loss)}


def add(rows: dict[Any, list[dict]], tables: tuple, experiment_id: str, number: int, run: tuple) -> None:
    """The rows of one run."""
    sql_run, sql_tag, sql_param, sql_metric, sql_latest = tables
    (name, tags, parameters, metrics), run_id = run, f"{number:032x}"
    own = {"run_uuid": run_id, "name": name, "experiment_id": int(experiment_id), "user_id": "someone"}
    own |= {"status": "FINISHED", "lifecycle_stage": "active", "start_time": 10**12 + number}
    rows[sql_run].append(own | {"end_time": 10**12 + number + 1, "artifact_uri": "file:///nowhere"})
    for table, pairs in ((sql_tag, tags | {"mlflow.runName": name}), (sql_param, parameters)):
        rows[table] += [{"run_uuid": run_id, "key": key, "value": value} for key, value in pairs.items()]
    for (key, step), value in metrics.items():
        point = {"run_uuid": run_id, "key": key, "value": value, "step": step, "timestamp": 10**12, "is_nan": False}
        rows[sql_metric].append(point)
        if step == 1000 * EPOCHS:
            rows[sql_latest].append(point)
