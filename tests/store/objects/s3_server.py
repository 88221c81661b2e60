"""A server that speaks S3, in this process."""

from __future__ import annotations

import contextlib
import http.server
import logging
import threading
import uuid
from collections.abc import Iterable, Iterator
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import httpx
import pytest
from moto.server import ThreadedMotoServer


class S3Server:
    """What it keeps outlives :meth:`stop`."""

    def __init__(self) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self.port = 0
        self._server: ThreadedMotoServer | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=self.port, verbose=False)
        self._server.start()
        _, self.port = self._server.get_host_and_port()
        listening = self._server._server
        assert listening is not None
        listening.app = _one_by_one(listening.app)

    def stop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.stop()

    def new_bucket(self) -> str:
        name = f"bucket-{uuid.uuid4().hex[:12]}"
        assert httpx.put(f"{self.url}/{name}").status_code == 200
        return name


def _one_by_one(app: WSGIApplication) -> WSGIApplication:
    """moto looks whether a condition holds, and then writes; S3 does both at once."""
    turn = threading.Lock()

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with turn:
            return app(environ, start_response)

    return answer


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setenv("AWS_REGION", "us-east-1")
        server = S3Server()
        yield server
        server.stop()


@contextlib.contextmanager
def refusing(status: int, code: str) -> Iterator[str]:
    """The address of a server that answers everything with an error of S3."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message></Error>".encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = do_DELETE = do_HEAD = do_POST = answer

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
