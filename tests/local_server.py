"""What servers of the tests share: a handler of files, and a server that runs until a block ends."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

__all__ = ["FileHandler", "serving"]


class FileHandler(http.server.BaseHTTPRequestHandler):
    """Answers GET with a body and HEAD without one, in silence; a subclass says what with."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.answer(with_body=False)

    def do_GET(self) -> None:
        self.answer(with_body=True)

    def log_message(self, *_: object) -> None:
        """Nothing: the tests read `requests` instead."""

    def answer(self, *, with_body: bool) -> None:
        """Send what the path names."""
        raise NotImplementedError

    def send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        """A whole response; the length stated is the body's, unless the headers state another."""
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | dict(headers)).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serving(server: http.server.ThreadingHTTPServer) -> Iterator[None]:
    """Let the server answer, in a thread of its own, until the block ends; its socket is closed then."""
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield
        server.shutdown()
        thread.join()
