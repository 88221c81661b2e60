"""Files of other projects are fetched once, verified, and never replaced."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from livehead.cli import main
from livehead.errors import UsageError
from livehead.vendor.fetch import FetchError, fetch, inspect
from livehead.vendor.sources import DEFAULT_PORTRAIT, Source, read_sources

DATA = bytes(range(256)) * 800


class Site:
    """Serves :data:`DATA`; the first ``cuts`` answers break off half way. ``ranges`` are those that were asked for."""

    def __init__(self) -> None:
        self.data, self.cuts, self.status = DATA, 0, 200
        self.ranges: list[str | None] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = self.headers.get("Range")
                site.ranges.append(asked)
                start = int(asked[len("bytes=") : -1]) if asked else 0
                rest = site.data[start:]
                self.send_response(site.status if site.status != 200 else 206 if asked else 200)
                self.send_header("Content-Length", str(len(rest)))
                self.end_headers()
                if site.cuts:
                    site.cuts -= 1
                    rest = rest[: len(rest) // 2]
                self.wfile.write(rest)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def source(self) -> Source:
        url = f"http://127.0.0.1:{self.server.server_address[1]}/face.png"
        return Source(Path("them/face.png"), url, len(DATA), hashlib.sha256(DATA).hexdigest(), "MIT", "a face")


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.server.shutdown()
    site.server.server_close()


def test_a_file_is_fetched_once(site: Site, tmp_path: Path) -> None:
    assert inspect(site.source, tmp_path) == "missing"
    assert fetch(site.source, tmp_path)
    assert (tmp_path / "them/face.png").read_bytes() == DATA
    assert not fetch(site.source, tmp_path)
    assert len(site.ranges) == 1


def test_a_broken_download_goes_on_where_it_stopped(site: Site, tmp_path: Path) -> None:
    site.cuts = 1
    with pytest.raises(FetchError, match="same command again"):
        fetch(site.source, tmp_path)
    assert fetch(site.source, tmp_path)
    assert site.ranges[0] is None
    assert site.ranges[1] is not None
    assert (tmp_path / "them/face.png").read_bytes() == DATA
    assert [path.name for path in (tmp_path / "them").iterdir()] == ["face.png"]


@pytest.mark.parametrize(
    ("data", "words"), [(DATA[::-1], "not the file that was pinned"), (DATA + b"x", "longer"), (DATA[:-1], "whole")]
)
def test_what_is_not_as_pinned_is_not_taken(site: Site, tmp_path: Path, data: bytes, words: str) -> None:
    site.data = data
    with pytest.raises(FetchError, match=words):
        fetch(site.source, tmp_path)
    assert inspect(site.source, tmp_path) == "missing"


def test_a_file_of_ones_own_is_left_alone(site: Site, tmp_path: Path) -> None:
    (tmp_path / "them").mkdir()
    (tmp_path / "them/face.png").write_bytes(b"mine")
    with pytest.raises(FetchError, match="Move it away"):
        fetch(site.source, tmp_path)
    assert (tmp_path / "them/face.png").read_bytes() == b"mine"


def test_an_address_that_has_it_no_more(site: Site, tmp_path: Path) -> None:
    site.status = 404
    with pytest.raises(FetchError, match="404"):
        fetch(site.source, tmp_path)


def test_the_commands(site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, sources = site.source, tmp_path / "sources.toml"
    sources.write_text(
        f'[[files]]\npath = "{source.path}"\nurl = "{source.url}"\nsize = {source.size}\nsha256 = "{source.sha256}"\n'
        f'licence = "MIT"\nabout = "a face"\n'
    )
    given = ["--vendor-dir", str(tmp_path / "vendor"), "--sources", str(sources)]
    assert main(["vendor", "verify", *given]) == 1
    assert "livehead vendor fetch" in capsys.readouterr().err
    assert main(["vendor", "fetch", *given]) == 0
    assert "fetched, MIT, a face" in capsys.readouterr().out
    assert main(["vendor", "verify", *given]) == 0
    assert "as pinned" in capsys.readouterr().out


def test_what_is_published_is_pinned_and_holds_the_default_portrait() -> None:
    sources = read_sources()
    assert DEFAULT_PORTRAIT in {source.path for source in sources}
    assert all(source.url.startswith("https://") and len(source.sha256) == 64 for source in sources)


def test_a_path_outside_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sources.toml").write_text(
        '[[files]]\npath = "../x"\nurl = "u"\nsize = 1\nsha256 = ""\nlicence = ""\nabout = ""\n'
    )
    with pytest.raises(UsageError, match="not below"):
        read_sources(tmp_path / "sources.toml")
