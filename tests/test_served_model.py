"""tracker.model=true: the best network as a model of MLflow's, in this process and served on loopback."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import mlflow
import pandas as pd
import pytest
from mlflow import MlflowClient

from experiments.config.errors import ConfigError

SMALL = ("model=numpy_lstm", "model.hidden_size=8", "epochs=3", "threads=1")
SAMPLING = {"length": 30, "temperature": 0.7, "seed": 3}


@pytest.fixture
def address(command, store) -> str:
    """Where the model of a trained run is."""
    outcome = command(*SMALL, f"tracker.uri={store}", "tracker.model=true")
    assert outcome.code == 0, outcome.error
    (run,) = MlflowClient(store).search_runs(["1"])
    return f"{run.info.artifact_uri}/model"


def sampled(command) -> str:
    options = [f"{'' if key == 'seed' else 'runner.'}{key}={value}" for key, value in SAMPLING.items()]
    return command("runner=sample", "checkpoint=latest", "runner.prompt=hello", *options).out


def test_the_model_samples_and_scores_as_the_runners_do(command, address):
    model = mlflow.pyfunc.load_model(address)
    texts = pd.DataFrame({"text": ["hello", "hell"]})
    assert model.predict(texts, SAMPLING)[0] + "\n" == sampled(command)
    scores = model.predict(texts, {"output": "score"})
    command("runner=score", "checkpoint=latest", "runner.text=hello", "runner.to=csv", "runner.output=hello.csv")
    expected = pd.read_csv("hello.csv")
    found = scores[scores.text == "hello"].reset_index(drop=True)
    assert list(found.token) == list(expected.token) == list("hello")
    assert found.log_probability.to_numpy() == pytest.approx(expected.log_probability.to_numpy(), abs=0, nan_ok=True)
    assert set(scores.text) == {"hello", "hell"}
    with pytest.raises(ConfigError, match="output must be one of sample, score, got 'poem'"):
        model.predict(texts, {"output": "poem"})


def test_without_the_option_no_model_is_stored(command, store):
    assert command(*SMALL, f"tracker.uri={store}").code == 0
    (run,) = MlflowClient(store).search_runs(["1"])
    files = {file.path for file in MlflowClient(store).list_artifacts(run.info.run_id)}
    assert "best.pt" in files
    assert "model" not in files


@pytest.mark.slow
def test_mlflow_serves_the_text_that_the_runner_samples(command, address):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    serve = ["mlflow", "models", "serve", "-m", address, "--env-manager", "local", "-h", "127.0.0.1", "-p", str(port)]
    environment = {**os.environ, "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([sys.executable, "-m", *serve], env=environment, start_new_session=True, **quiet)
    try:
        wait_for(f"http://127.0.0.1:{port}/ping")
        content = {"dataframe_split": {"columns": ["text"], "data": [["hello"]]}, "params": SAMPLING}
        request = urllib.request.Request(f"http://127.0.0.1:{port}/invocations", json.dumps(content).encode())
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=60) as answer:
            (text,) = json.load(answer)["predictions"]
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert f"{text}\n" == sampled(command)


def wait_for(address: str) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            urllib.request.urlopen(address, timeout=1)
            return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.3)
