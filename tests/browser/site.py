"""Another site, for pages that embed the element."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from visiting import ROOT

TYPES = {"js": "text/javascript", "html": "text/html", "css": "text/css"}
SERVER, PORT = "http://localhost:8080", ":8000"
"""Where the pages of examples/ expect the server, and themselves."""


@contextmanager
def site(page: str, files: Mapping[str, str] | None = None, instead: Mapping[str, str] | None = None) -> Iterator[str]:
    """``files`` by their paths; every other address is ``page``. What ``instead`` names is replaced in all of them, the
    site's own port for ``PORT``."""
    served = dict(files or {})
    replaced = dict(instead or {})

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            text = served.get(path, page)
            for old, new in replaced.items():
                text = text.replace(old, new)
            self.send_response(200)
            self.send_header("Content-Type", TYPES[path.rpartition(".")[2]] if path in served else "text/html")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    port = listening.server_address[1]
    replaced = {old: new.format(port=port) for old, new in replaced.items()}
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    yield f"http://localhost:{port}/"
    listening.shutdown()
    listening.server_close()


def folder(path: Path, below: str = "/") -> dict[str, str]:
    """The files of a folder, by their paths on a site."""
    return {
        below + file.relative_to(path).as_posix(): file.read_text()
        for file in path.rglob("*")
        if file.suffix[1:] in TYPES
    }


@contextmanager
def example(name: str, server: str) -> Iterator[str]:
    """A folder of examples/ as it is, but for the addresses."""
    files = folder(ROOT / "examples" / name)
    with site(files["/index.html"], files, {SERVER: server, PORT: ":{port}"}) as url:
        yield url
