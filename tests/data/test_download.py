"""Downloads from a local server that also misbehaves."""

import hashlib
import http.server
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from experiments.data.files.fetching import fetch

CONTENT = b"0123456789" * 50_000
MD5 = hashlib.md5(CONTENT).hexdigest()


class Server(http.server.BaseHTTPRequestHandler):
    """What a path is called is how it behaves."""

    requests = 0

    def do_GET(self):
        type(self).requests += 1
        how = self.path.strip("/")
        if how == "missing":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        if how == "wrong":
            self.wfile.write(CONTENT[::-1])
        elif how in ("cut", "silent"):
            self.wfile.write(CONTENT[:100_000])
            self.wfile.flush()
            time.sleep(2.0 if how == "silent" else 0.0)
        elif how == "slow":
            for at in range(0, len(CONTENT), 100_000):
                self.wfile.write(CONTENT[at : at + 100_000])
                self.wfile.flush()
                time.sleep(0.1)
        else:
            self.wfile.write(CONTENT)

    def log_message(self, *_):
        pass


@pytest.fixture
def address():
    Server.requests = 0
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def get(url, folder, timeout=0.5):
    return fetch(url, folder, MD5, timeout, by_hand="give data.path=FOLDER")


@pytest.mark.parametrize("how", ["good", "slow"])
def test_a_file_is_fetched_once(address, tmp_path, how):
    assert get(f"{address}/{how}", tmp_path / "cache").read_bytes() == CONTENT
    assert get(f"{address}/{how}", tmp_path / "cache").read_bytes() == CONTENT
    assert Server.requests == 1


FAULTS = {
    "missing": "the server answered 404 Not Found",
    "wrong": "is not the expected file: MD5 hash of downloaded file",
    "cut": "the connection was cut",
    "silent": "the server was silent for too long",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_one_sentence_and_leaves_nothing_to_trust(address, tmp_path, fault):
    with pytest.raises((ValueError, OSError)) as caught:
        get(f"{address}/{fault}", tmp_path)
    sentence = str(caught.value)
    assert f"{address}/{fault}" in sentence
    assert FAULTS[fault] in sentence
    assert sentence.endswith("give data.path=FOLDER")
    assert len(sentence.splitlines()) == 1
    assert [name for name in os.listdir(tmp_path) if not name.endswith(".lock")] == []


def test_a_server_that_is_not_there_is_said(tmp_path):
    with pytest.raises(ConnectionError, match=r"could not be downloaded \(no answer\); give data.path=FOLDER"):
        get("http://127.0.0.1:1/good", tmp_path)


def test_a_damaged_file_is_fetched_again(address, tmp_path):
    (tmp_path / "good").write_bytes(CONTENT[:99])
    assert get(f"{address}/good", tmp_path).read_bytes() == CONTENT
    assert sorted(os.listdir(tmp_path)) == ["good", "good.lock"]


def test_who_comes_second_waits_for_the_first(address, tmp_path):
    with ThreadPoolExecutor(4) as pool:
        files = list(pool.map(lambda _: get(f"{address}/slow", tmp_path), range(4)))
    assert {file.read_bytes() for file in files} == {CONTENT}
    assert Server.requests == 1


def test_ptb_without_files_says_how_to_get_them(command, monkeypatch, tmp_path):
    monkeypatch.setenv("EXPERIMENTS_CACHE", str(tmp_path / "cache"))
    code, _, error = command("data=ptb", "data.path=null", "data.url=http://127.0.0.1:1")
    assert code == 1
    assert error.startswith("experiments: data: http://127.0.0.1:1/ptb.train.txt could not be downloaded (no answer); ")
    assert "give data.path=FOLDER with ptb.train.txt" in error


def test_ptb_refuses_files_that_are_not_the_known_ones(command, monkeypatch, tmp_path, address):
    monkeypatch.setenv("EXPERIMENTS_CACHE", str(tmp_path / "cache"))
    error = command("data=ptb", "data.path=null", f"data.url={address}").error
    assert "ptb.train.txt is not the expected file" in error
    assert not list((tmp_path / "cache" / "ptb").glob("*.txt"))
