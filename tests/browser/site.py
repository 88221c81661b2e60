"""Another site, for pages that embed the element."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

TYPES = {"js": "text/javascript", "html": "text/html", "css": "text/css"}


@contextmanager
def site(page: str, files: Mapping[str, str] | None = None) -> Iterator[str]:
    """``files`` by their paths; every other address is ``page``."""
    served = dict(files or {})

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            self.send_response(200)
            self.send_header("Content-Type", TYPES[path.rpartition(".")[2]] if path in served else "text/html")
            self.end_headers()
            self.wfile.write(served.get(path, page).encode())

        def log_message(self, *_: object) -> None:
            pass

    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    yield f"http://localhost:{listening.server_address[1]}/"
    listening.shutdown()
    listening.server_close()


def folder(path: Path, below: str = "/") -> dict[str, str]:
    """The files of a folder, by their paths on a site."""
    return {
        below + file.relative_to(path).as_posix(): file.read_text()
        for file in path.rglob("*")
        if file.suffix[1:] in TYPES
    }
