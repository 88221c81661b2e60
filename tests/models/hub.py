"""A hub for tests: small files and large ones behind a redirect, whose transfers can be broken off."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit


@dataclass
class Hub:
    """``files`` by ``repo/path``; the ``large`` ones are in a store at another host name, as at the real hub.

    Transfers of ``cut`` end after half of what is left, ``cuts`` times; then the store is ``down``.
    """

    commit: str
    files: dict[str, bytes]
    large: set[str]
    cut: str | None = None
    cuts: int = 0
    down: bool = False
    lie: dict[str, bytes] = field(default_factory=dict)
    sent: dict[str, int] = field(default_factory=dict)
    ranges: list[tuple[str, int]] = field(default_factory=list)

    def __enter__(self) -> Hub:
        hub = self

        class Handler(_Handler):
            pass

        Handler.hub = hub
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _answer(self, body: bool) -> None:
        path = urlsplit(self.path).path
        match = re.fullmatch(r"/(.+?)/resolve/([^/]+)/(.+)", path)
        if match is not None:
            name, revision = f"{match[1]}/{match[3]}", match[2]
            data = self.hub.files.get(name)
            if data is None or revision != self.hub.commit:
                self._send(404, {"X-Error-Code": "EntryNotFound" if data is None else "RevisionNotFound"}, b"")
            elif name in self.hub.large:
                headers = {
                    "Location": f"{self.hub.url}/store/{name}".replace("127.0.0.1", "localhost"),
                    "X-Repo-Commit": revision,
                    "X-Linked-Etag": f'"{hashlib.sha256(data).hexdigest()}"',
                    "X-Linked-Size": str(len(data)),
                }
                self._send(302, headers, b"")
            else:
                blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
                self._send(200, {"X-Repo-Commit": revision, "ETag": f'"{blob}"'}, data, body=body)
        elif path.startswith("/store/"):
            self._store(path.removeprefix("/store/"))
        else:
            self._send(404, {}, b"")

    def _store(self, name: str) -> None:
        if self.hub.down:
            self.close_connection = True
            return
        data = self.hub.lie.get(name, self.hub.files[name])
        start = 0
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if asked is not None:
            start = int(asked[1])
            self.hub.ranges.append((name, start))
        rest = data[start:]
        headers = {"ETag": '"x"'}
        if asked is not None:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        if self.hub.cut == name and self.hub.cuts > 0:
            self.hub.cuts -= 1
            self.hub.down = self.hub.cuts == 0
            self._send(206 if asked else 200, headers, rest, cut=len(rest) // 2)
            self.close_connection = True
        else:
            self._send(206 if asked else 200, headers, rest)

    def _send(
        self, status: int, headers: dict[str, str], data: bytes, *, body: bool = True, cut: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if body:
            part = data[:cut]
            self.wfile.write(part)
            key = urlsplit(self.path).path
            self.hub.sent[key] = self.hub.sent.get(key, 0) + len(part)
