"""The dashboard: a real server, and in a test of its own a real browser."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest


@pytest.fixture
def dashboard(tmp_path):
    """Start `experiments runner=dashboard` here; yields the address of the training view."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = [sys.executable, "-m", "experiments", "runner=dashboard", f"runner.port={port}"]
    process = subprocess.Popen(arguments, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        address = process.stdout.readline().split()[-1]
        for _ in range(120):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
                break
            except OSError:
                time.sleep(0.5)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture
def two_runs(store, command):  # noqa: ARG001 - the store is where the runs go
    for model in ("numpy_rnn", "numpy_gru"):
        assert command(f"model={model}", "epochs=60", "optimizer.lr=0.002", "runner.log_interval=10").code == 0


@pytest.mark.usefixtures("store")
def test_the_dashboard_serves_the_training_view_of_this_store_and_takes_runs(dashboard, command):
    assert "/#/experiments/1/runs?workflowType=machine_learning" in dashboard
    with urllib.request.urlopen(dashboard.partition("#")[0], timeout=10) as page:
        assert b"MLflow" in page.read()
    uri = f"tracker.uri={dashboard.partition('/#')[0]}"
    trained = command("epochs=2", uri, "tracker.experiment=remote")
    assert trained.code == 0, trained.error
    assert "/#/experiments/2/runs?workflowType=machine_learning" in trained.out  # the page that is there already
    evaluated = command("runner=evaluate", "runner.split=train", "checkpoint=latest", uri, "tracker.experiment=remote")
    assert evaluated.code == 0, evaluated.error
    assert "over 49 targets (exact)" in evaluated.out
    assert "training view: http" in command("runner=dashboard", uri).out


def test_a_port_in_use_is_an_error(command, store):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        error = command("runner=dashboard", f"runner.port={port}", f"tracker.uri={store}").error
    assert f"something listens on 127.0.0.1:{port} already: try runner.port=PORT" in error


def test_a_store_without_a_page_is_an_error(command):
    assert "tracker=memory has no page" in command("runner=dashboard", "tracker=memory").error


def text(browser) -> str:
    return browser.find_element("tag name", "body").text


def wait_for(browser, found) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(browser, 60).until(found)


def close_assistant(browser) -> None:
    for close in browser.find_elements("css selector", "[aria-label='Close assistant'], [aria-label='Close']"):
        close.click()


def keep_screenshot(browser, name: str, folder: Path) -> None:
    """In the folder $SCREENSHOTS, for the README."""
    assert browser.save_screenshot(str(Path(os.environ.get("SCREENSHOTS", folder)) / f"{name}.png"))


@pytest.mark.browser
@pytest.mark.usefixtures("two_runs")
def test_two_runs_stand_side_by_side_in_the_training_view(dashboard, browser, tmp_path):
    browser.get(f"{dashboard}&compareRunsMode=CHART")
    wait_for(browser, lambda b: len(b.find_elements("css selector", ".js-plotly-plot")) >= 2)  # those in the window
    assert "best\n(2)" in text(browser)  # the first section
    close_assistant(browser)
    search = browser.find_element("css selector", "input[placeholder='Search metric charts']")
    search.send_keys("train/(loss|perplexity)")
    wait_for(browser, lambda b: {"train/loss", "train/perplexity"} <= set(text(b).split()))
    time.sleep(3)  # for the curves to be drawn
    assert "string-numpy_rnn" in text(browser)
    assert "string-numpy_gru" in text(browser)
    curves = browser.find_elements("css selector", ".js-plotly-plot .scatterlayer .trace")
    assert len(curves) >= 4  # two charts of two runs
    keep_screenshot(browser, "dashboard", tmp_path)


@pytest.mark.browser
def test_a_sweep_is_one_row_that_opens_to_its_jobs_and_a_page_with_table_and_pictures(
    store,  # noqa: ARG001 - where the runs go
    command,
    dashboard,
    browser,
    tmp_path,
):
    assert command("-m", "truncation=1,5", "seed=0,1", "epochs=20").code == 0
    browser.get(dashboard)
    wait_for(browser, lambda b: "sweep-truncation" in text(b))
    close_assistant(browser)
    assert "truncation_5-seed_1" not in text(browser)
    (parent,) = (link for link in browser.find_elements("tag name", "a") if link.text.startswith("sweep-"))
    address = parent.get_attribute("href").partition("?")[0]
    parent.find_element("xpath", "./ancestor::*[@role='row'][1]").find_element("tag name", "button").click()
    wait_for(browser, lambda b: all(f"truncation_{t}-seed_{s}" in text(b) for t in (1, 5) for s in (0, 1)))
    keep_screenshot(browser, "children", tmp_path)
    browser.get(address)
    wait_for(browser, lambda b: "best/perplexity" in text(b) and "train/perplexity best" in text(b))
    assert "truncation_5-seed_1" in text(browser)  # among the child runs
    keep_screenshot(browser, "sweep", tmp_path)
    browser.get(f"{address}/artifacts/by_truncation.png")
    wait_for(browser, lambda b: any(is_drawn(b, image) for image in b.find_elements("tag name", "img")))
    keep_screenshot(browser, "picture", tmp_path)


def is_drawn(browser, image) -> bool:
    return browser.execute_script("return arguments[0].naturalWidth", image) >= 500
