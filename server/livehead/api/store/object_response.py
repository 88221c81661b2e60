"""The answer that is a stored object: a film, most of all. From a bucket it is streamed, a Range of it if asked for."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import FileResponse
from starlette.responses import StreamingResponse

from livehead.errors import NotFoundError
from livehead.store.objects.served import ServedObject

_RANGE = re.compile(r"bytes=(?:(\d+)-(\d*)|-(\d+))")


async def send_object(
    request: Request, served: ServedObject, *, media_type: str, filename: str, headers: Mapping[str, str]
) -> Response:
    """Raises NotFoundError where it was deleted meanwhile, and what the storage raises."""
    if served.path is not None:
        try:
            stat = await asyncio.to_thread(served.path.stat)
        except FileNotFoundError:
            raise NotFoundError("It was deleted a moment ago.") from None
        return FileResponse(
            served.path, media_type=media_type, filename=filename, stat_result=stat, headers=dict(headers)
        )
    size = served.info.size
    sent = dict(headers) | {
        "Accept-Ranges": "bytes",
        "ETag": f'"{served.info.version.strip(chr(34))}"',
        "Content-Disposition": _disposition(filename),
    }
    start, stop = 0, size
    status = 200
    asked = request.headers.get("range")
    if asked is not None and request.headers.get("if-range", sent["ETag"]) == sent["ETag"]:
        found = read_range(asked, size)
        if found is not None:
            start, stop = found
            if start >= size:
                return Response(status_code=416, headers={"Content-Range": f"bytes */{size}"})
            status = 206
            sent["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    sent["Content-Length"] = str(stop - start)
    pieces = served.read(start, stop)
    try:
        first = await asyncio.to_thread(next, pieces, b"")
    except FileNotFoundError:
        raise NotFoundError("It was deleted a moment ago.") from None
    whole: Iterator[bytes] = itertools.chain((first,), pieces)
    return StreamingResponse(whole, status, sent, media_type)


def read_range(text: str, size: int) -> tuple[int, int] | None:
    """First byte, and the one after the last, of a Range (RFC 9110 section 14.1.2). None for several at once and for
    what is none, which are as good as no Range. The first may lie behind the end."""
    found = _RANGE.fullmatch(text.strip())
    if found is None:
        return None
    first, last, suffix = found.groups()
    if suffix is not None:
        return (max(0, size - int(suffix)), size) if int(suffix) else (size, size)
    start = int(first)
    stop = min(size, int(last) + 1) if last else size
    return None if last and int(last) < start else (start, stop)


def _disposition(filename: str) -> str:
    quoted = quote(filename)
    return f'attachment; filename="{filename}"' if quoted == filename else f"attachment; filename*=utf-8''{quoted}"
