"""A proxy before an HTTP server that disturbs chosen requests."""

import http.client
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

Fault = Literal["delay", "drop", "lose", "truncate", "nonsense", "error"]
FAULTS: tuple[Fault, ...] = (
    "delay",  # forwarded, answered when the client no longer waits
    "drop",  # not forwarded, the connection is closed
    "lose",  # forwarded, the connection is closed instead of an answer
    "truncate",  # forwarded, half of the answer
    "nonsense",  # not forwarded, an answer of status 200 that nobody can read
    "error",  # not forwarded, status 503
)


class Proxy:
    """Forwards requests to a port of this machine; `fault` says what happens to request number 0, 1, ..."""

    def __init__(self, port: int, delay: float):
        self.fault: Callable[[int], Fault | None] = lambda _: None
        self.count = 0
        self._lock = threading.Lock()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                fault = proxy._next()
                if fault == "drop":
                    self.close_connection = True
                    return
                if fault in ("nonsense", "error"):
                    self._answer(503 if fault == "error" else 200, b"<html>what?", [("Content-Type", "text/html")])
                    return
                upstream = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                upstream.request(self.command, self.path, body, dict(self.headers))
                response = upstream.getresponse()
                answer, headers = response.read(), response.getheaders()
                upstream.close()
                if fault == "delay":
                    time.sleep(delay)
                if fault == "lose":
                    self.close_connection = True
                    return
                self._answer(response.status, answer, headers, len(answer) // 2 if fault == "truncate" else None)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

            def _answer(
                self, status: int, body: bytes, headers: list[tuple[str, str]], sent: int | None = None
            ) -> None:
                try:
                    self.send_response(status)
                    for name, value in headers:
                        if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                            self.send_header(name, value)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body[:sent])
                except OSError:  # the client no longer waits
                    self.close_connection = True
                self.close_connection |= sent is not None

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.uri = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def disturb(self, fault: Callable[[int], Fault | None]) -> None:
        """From now on; the next request has number 0."""
        with self._lock:
            self.fault, self.count = fault, 0

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _next(self) -> Fault | None:
        with self._lock:
            self.count += 1
            return self.fault(self.count - 1)
