"""Files of API keys: no line of one gets into a message, and what is read can be written and read again."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from fuzz.mutators import line_mutator
from fuzz.target import Target
from livehead.access.key_file import read_keys
from livehead.access.keys import KeyRing, parse_line
from livehead.errors import UsageError

SECRET = "lh_" + "A" * 43
HASH = "0123456789abcdef" * 4


@cache
def _path() -> tuple[tempfile.TemporaryDirectory[str], Path]:
    folder = tempfile.TemporaryDirectory()
    return folder, Path(folder.name) / "keys"


def run(data: bytes) -> None:
    _, path = _path()
    path.write_bytes(data)
    try:
        keys = read_keys(path)
    except UsageError as error:
        told = str(error)
        assert told.isprintable(), "more than a line of text"
        assert not any(len(word) > 40 and word in told for word in data.decode("utf-8", "replace").split())
        return
    for key in keys:
        assert parse_line(str(key)) == key
        assert key.name.isascii()
        assert not set(key.name) & set("/\\:%\r\n\0 \"'")
    ring = KeyRing(keys)
    assert ring.names == {key.name for key in keys}
    assert ring.find(data[:200].decode("utf-8", "surrogateescape")) is None


TARGET = Target(
    "key_file",
    run,
    (
        f"# keys\nfront:{HASH}:2026-11-27\nback-end_2.x:{HASH}\n\n".encode(),
        f"a:{SECRET}\n".encode(),
        f"{SECRET}\n".encode(),
    ),
    line_mutator(
        (f"b:{HASH}", f"c:{HASH}:2026-01-01", SECRET, f"d:{SECRET}", "#", "d:", ":", f"e:{HASH.upper()}"),
        (HASH, SECRET, "front", "2026-11-27", "../x", "٣"),
        "\n",
    ),
    64 * 1024,
    (2000, 1.0),
)
