"""The text files of the pages, ready to be sent: read once, compressed once, with an ETag of their content."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import Response

KINDS = frozenset({".html", ".js", ".css", ".svg", ".json", ".md", ".ts"})
"""Suffixes of files that are kept and compressed. The others are pictures and sound, which are small already."""

SMALL = 300
"""Bytes; what is smaller is sent as it is."""

Version: TypeAlias = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class TextFile:
    """``packed`` is ``plain`` with gzip (RFC 1952); empty where it is hardly shorter."""

    plain: bytes
    packed: bytes
    media_type: str
    tag: str

    def answer(self, request: Request) -> Response:
        """200 with the file, compressed for clients that take that, or 304 (RFC 9110 section 13.1.2).

        ``no-cache``: it is kept by browsers and asked for by its ETag, so page and modules never differ in version.
        """
        packed = bool(self.packed) and takes_gzip(request.headers.get("accept-encoding", ""))
        tag = f'"{self.tag}-gz"' if packed else f'"{self.tag}"'  # each form has its own (RFC 9110 section 8.8.3.3)
        headers = {"ETag": tag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
        if _matches(request.headers.get("if-none-match", ""), tag):
            return Response(status_code=304, headers=headers)
        if packed:
            headers["Content-Encoding"] = "gzip"
        return Response(self.packed if packed else self.plain, media_type=self.media_type, headers=headers)


class TextFiles:
    """Files by the paths that they are served under. Blocks: for a thread."""

    def __init__(self) -> None:
        self._kept: dict[Path, tuple[Version, TextFile]] = {}

    def read(self, path: Path) -> TextFile:
        """The file as it is now. Raises ``OSError`` where it is not there."""
        return self._get(path, [path], lambda: path.read_bytes())

    def make(self, path: Path, sources: list[Path], make: Callable[[], str]) -> TextFile:
        """What ``make`` makes of ``sources``, under the name ``path``; made again when one of them has changed."""
        return self._get(path, sources, lambda: make().encode())

    def _get(self, path: Path, sources: list[Path], read: Callable[[], bytes]) -> TextFile:
        version = tuple((stat.st_mtime_ns, stat.st_size) for stat in (source.stat() for source in sources))
        kept = self._kept.get(path)
        if kept is None or kept[0] != version:
            kept = self._kept[path] = (version, make_text_file(read(), path.name))
        return kept[1]


def make_text_file(plain: bytes, name: str) -> TextFile:
    """``name`` tells the media type. Blocks."""
    packed = gzip.compress(plain, 9, mtime=0) if len(plain) >= SMALL else b""
    media_type = mimetypes.guess_type(name)[0] or "text/plain"
    tag = hashlib.sha256(plain).hexdigest()[:20]
    return TextFile(plain, packed if len(packed) < len(plain) * 0.9 else b"", media_type, tag)


def takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding names gzip, and not with the weight 0 (RFC 9110 section 12.5.3)."""
    for part in accepted.lower().split(","):
        coding, *parameters = (each.strip() for each in part.split(";"))
        if coding in ("gzip", "x-gzip"):
            weights = [each[2:] for each in parameters if each.startswith("q=")]
            return not weights or weights[0].rstrip("0").rstrip(".") not in ("", "0")
    return False


def _matches(wanted: str, tag: str) -> bool:
    """Weak comparison: a proxy may have weakened the tag (RFC 9110 section 13.1.2)."""
    tags = [each.strip().removeprefix("W/") for each in wanted.split(",")]
    return tag in tags or "*" in tags
