"""Files of other projects are fetched once, verified, and never replaced; wheels only where they fit."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from livehead.cli import main
from livehead.commands import vendor
from livehead.errors import UsageError
from livehead.vendor.fetch import FetchError, fetch, inspect
from livehead.vendor.interpreter import Interpreter
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
                status = 416 if asked and not rest else 206 if asked else 200
                self.send_response(site.status if site.status != 200 else status)
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


WHEEL = "flash_attn-2.8.3+cu12torch2.8cxx11abiTRUE-cp312-cp312-linux_x86_64.whl"
FITS = Interpreter("cp312", "linux_x86_64", "2.8.0+cu128", "12.8", True)


@pytest.fixture
def wheels(site: Site, tmp_path: Path) -> list[str]:
    """Options of the command, with a list of sources that has nothing but one wheel."""
    url = site.source.url.replace("face.png", WHEEL.replace("+", "%2B"))
    (tmp_path / "list.txt").write_text(f"# one\n{url}#sha256={site.source.sha256}\n")
    (tmp_path / "sources.toml").write_text(
        '[[wheels]]\nname = "flash-attn"\nlist = "list.txt"\nlicence = "BSD-3-Clause"\nabout = "attention"\n'
    )
    return ["--vendor-dir", str(tmp_path / "vendor"), "--sources", str(tmp_path / "sources.toml")]


def test_the_wheel_that_fits_is_fetched_and_goes_on_where_it_stopped(
    site: Site, wheels: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vendor, "ask_interpreter", lambda: FITS)
    site.cuts = 2
    for _ in range(2):
        assert main(["vendor", "fetch", "wheel", *wheels]) == 1
    assert "same command again" in capsys.readouterr().err
    assert main(["vendor", "fetch", "wheel", *wheels]) == 0
    said = capsys.readouterr().out
    assert f"pip install --no-deps {tmp_path / 'vendor' / WHEEL}" in said
    assert (tmp_path / "vendor" / WHEEL).read_bytes() == DATA
    assert site.ranges == [None, f"bytes={len(DATA) // 2}-", f"bytes={len(DATA) * 3 // 4}-"]
    assert main(["vendor", "verify", *wheels]) == 0
    (tmp_path / "vendor" / WHEEL).write_bytes(DATA[:-1])
    assert main(["vendor", "verify", *wheels]) == 1
    assert "Move away what differs" in capsys.readouterr().err


def test_a_download_that_was_whole_but_not_yet_renamed_is_taken(
    site: Site, wheels: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vendor, "ask_interpreter", lambda: FITS)
    (tmp_path / "vendor").mkdir()
    (tmp_path / "vendor" / f"{WHEEL}.partial").write_bytes(DATA)
    assert main(["vendor", "fetch", *wheels]) == 0
    assert (tmp_path / "vendor" / WHEEL).read_bytes() == DATA


def test_a_wheel_that_does_not_fit_is_refused_in_one_line(
    site: Site, wheels: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vendor, "ask_interpreter", lambda: Interpreter("cp312", "linux_x86_64", "2.13.0", "13.0", True))
    assert main(["vendor", "fetch", "wheel", *wheels]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "torch 2.13 (only 2.8)" in said
    assert main(["vendor", "fetch", *wheels]) == 0  # among other things, what does not fit is only said
    assert "torch's own attention" in capsys.readouterr().out
    assert main(["vendor", "verify", *wheels]) == 0
    assert not site.ranges


def test_what_is_published_is_pinned_and_holds_the_default_portrait() -> None:
    sources = read_sources()
    assert DEFAULT_PORTRAIT in {source.path for source in sources.files}
    assert all(source.url.startswith("https://") and len(source.sha256) == 64 for source in sources.files)
    assert all(code.repository.startswith("https://") and len(code.commit) == 40 for code in sources.code)
    assert all(each.licence for each in (*sources.code, *sources.files, *sources.wheels))


def test_a_path_outside_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sources.toml").write_text(
        '[[files]]\npath = "../x"\nurl = "u"\nsize = 1\nsha256 = ""\nlicence = ""\nabout = ""\n'
    )
    with pytest.raises(UsageError, match="not below"):
        read_sources(tmp_path / "sources.toml")
