"""The pages' files as they are sent."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
from starlette.requests import Request

from livehead.api.web_files.text_files import TextFiles, takes_gzip

LONG = "p { margin: 0 }\n" * 100


def asked(**headers: str) -> Request:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": pairs})


def write(path: Path, text: str, at: int) -> Path:
    path.write_text(text)
    os.utime(path, (at, at))
    return path


def test_compressed_for_those_who_take_it(tmp_path: Path) -> None:
    file = TextFiles().read(write(tmp_path / "page.css", LONG, 1))
    packed = file.answer(asked(accept_encoding="br;q=1.0, gzip;q=0.8"))
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(bytes(packed.body)) == LONG.encode()
    plain = file.answer(asked())
    assert "content-encoding" not in plain.headers
    assert bytes(plain.body) == LONG.encode()
    assert plain.headers["etag"] != packed.headers["etag"]
    for answer in (plain, packed):
        assert answer.headers["vary"] == "Accept-Encoding"
        assert answer.headers["content-type"] == "text/css; charset=utf-8"


def test_what_a_client_has_is_not_sent_again(tmp_path: Path) -> None:
    files = TextFiles()
    path = write(tmp_path / "page.css", LONG, 1)
    tag = files.read(path).answer(asked(accept_encoding="gzip")).headers["etag"]
    for sent in (tag, f"W/{tag}", f'"other", {tag}'):
        answer = files.read(path).answer(asked(accept_encoding="gzip", if_none_match=sent))
        assert (answer.status_code, bytes(answer.body), answer.headers["etag"]) == (304, b"", tag)
    write(path, LONG + "b { }", 2)
    assert files.read(path).answer(asked(accept_encoding="gzip", if_none_match=tag)).status_code == 200


def test_small_files_are_sent_as_they_are(tmp_path: Path) -> None:
    file = TextFiles().read(write(tmp_path / "mark.svg", "<svg/>", 1))
    assert bytes(file.answer(asked(accept_encoding="gzip")).body) == b"<svg/>"


def test_what_is_made_is_made_again_when_a_source_changes(tmp_path: Path) -> None:
    files, made = TextFiles(), list[str]()
    part = write(tmp_path / "a.js", "1", 1)

    def make() -> str:
        made.append(part.read_text())
        return made[-1]

    for at in (1, 1, 2):
        write(part, str(at), at)
        assert files.make(tmp_path / "all.js", [part], make).plain == str(at).encode()
    assert made == ["1", "2"]


@pytest.mark.parametrize(
    ("accepted", "taken"),
    [
        ("gzip", True),
        ("", False),
        ("br", False),
        ("GZIP;q=0.5", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000, br", False),
    ],
)
def test_accept_encoding(accepted: str, taken: bool) -> None:
    assert takes_gzip(accepted) is taken
