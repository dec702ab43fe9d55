"""The dashboard: a real server, and in a test of its own a real browser."""

import os
import shutil
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


@pytest.mark.usefixtures("two_runs")
def test_the_dashboard_serves_the_training_view_of_this_store(dashboard):
    assert "/#/experiments/1/runs?workflowType=machine_learning" in dashboard
    with urllib.request.urlopen(dashboard.partition("#")[0], timeout=10) as page:
        assert b"MLflow" in page.read()


def test_runs_are_sent_to_a_server_and_fetched_from_it(dashboard, command):
    uri = f"tracker.uri={dashboard.partition('/#')[0]}"
    trained = command("epochs=2", uri, "tracker.experiment=remote")
    assert trained.code == 0, trained.error
    assert "/#/experiments/2/runs?workflowType=machine_learning" in trained.out  # the page that is there already
    evaluated = command("runner=evaluate", "runner.split=train", "checkpoint=latest", uri)
    assert evaluated.code == 0, evaluated.error
    assert "over 49 targets (exact)" in evaluated.out
    assert "training view: http" in command("runner=dashboard", uri).out


def test_a_port_in_use_is_said(command, store):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        error = command("runner=dashboard", f"runner.port={port}", f"tracker.uri={store}").error
    assert f"something listens on 127.0.0.1:{port} already: try runner.port=PORT" in error


def test_a_tracker_without_a_page_is_said(command):
    assert "tracker=memory has no page" in command("runner=dashboard", "tracker=memory").error


@pytest.mark.browser
@pytest.mark.usefixtures("two_runs")
def test_two_runs_stand_side_by_side_in_the_training_view(dashboard, tmp_path):
    webdriver = pytest.importorskip("selenium.webdriver")
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (binary and driver):
        pytest.skip("chromium and chromedriver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    quiet = ("networking", "component-update", "sync")
    for flag in (
        "headless",
        "no-sandbox",
        "disable-gpu",
        "window-size=1500,950",
        f"user-data-dir={tmp_path / 'profile'}",
    ):
        options.add_argument(f"--{flag}")
    for part in quiet:
        options.add_argument(f"--disable-{'background-' if part == 'networking' else ''}{part}")
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        browser.get(f"{dashboard}&compareRunsMode=CHART")
        wait = WebDriverWait(browser, 60)
        wait.until(lambda b: len(b.find_elements(By.CSS_SELECTOR, ".js-plotly-plot")) >= 3)
        for close in browser.find_elements(By.CSS_SELECTOR, "[aria-label='Close assistant'], [aria-label='Close']"):
            close.click()
        search = browser.find_element(By.CSS_SELECTOR, "input[placeholder='Search metric charts']")
        search.send_keys("train/(loss|perplexity)")
        wait.until(
            lambda b: {"train/loss", "train/perplexity"} <= set(b.find_element(By.TAG_NAME, "body").text.split())
        )
        time.sleep(3)  # for the curves to be drawn
        runs = browser.find_element(By.TAG_NAME, "body").text
        assert "numpy_rnn-characters" in runs
        assert "numpy_gru-characters" in runs
        curves = browser.find_elements(By.CSS_SELECTOR, ".js-plotly-plot .scatterlayer .trace")
        assert len(curves) >= 4  # two charts of two runs
        picture = Path(os.environ.get("SCREENSHOT", tmp_path / "dashboard.png"))
        assert browser.save_screenshot(str(picture))
    finally:
        browser.quit()
