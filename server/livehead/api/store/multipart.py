"""Bodies of type multipart/form-data (RFC 7578), bounded while they are read."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from livehead.api.body import content_type
from livehead.errors import MalformedError, RequestError, TooLargeError, UnprocessableError, UnsupportedTypeError
from livehead.files.whole import storing

MULTIPART = "multipart/form-data"

MAX_PARTS = 32
MAX_HEADER = 4096
"""Bytes of the headers of one part."""

MAX_BOUNDARY = 70
"""RFC 2046 section 5.1.1."""

OVERHEAD = MAX_PARTS * (MAX_HEADER + MAX_BOUNDARY)
"""Bytes of a body beside those of its fields."""

MAX_DRAINED = 64 * 1024 * 1024
"""Of a body that is too large, so much is read before the answer, and thrown away: a browser does not read an answer
while it still sends, and reports a broken connection where it cannot."""


@dataclass(frozen=True, slots=True)
class FormField:
    """A field that is read. ``limit`` is in bytes; ``into`` is the file that its bytes are written to instead of being
    kept in memory."""

    limit: int
    into: Path | None = None


class Form:
    """The fields that came, by name; others than those asked for are left out."""

    def __init__(self, fields: Mapping[str, bytes]) -> None:
        self._fields = dict(fields)

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def data(self, name: str) -> bytes:
        """A field's bytes, empty where they went to a file. Raises UnprocessableError where the field is missing."""
        try:
            return self._fields[name]
        except KeyError:
            raise UnprocessableError(f"The form has no field {name!r}; send it as {MULTIPART}.") from None

    def text(self, name: str) -> str | None:
        """A field as text, None where it is missing. Raises MalformedError for what is not UTF-8."""
        if name not in self._fields:
            return None
        try:
            return self._fields[name].decode()
        except UnicodeDecodeError:
            raise MalformedError(f"The field {name!r} is not UTF-8 text.") from None


async def read_form(request: Request, fields: Mapping[str, FormField]) -> Form:
    """The body's fields, at most as large as they may be.

    Raises UnsupportedTypeError for another type of body, TooLargeError, DiskFullError, and MalformedError for what
    cannot be read: no boundary, a body that ends early, a field without a name or one that comes twice.
    """
    boundary = _boundary(request)
    reader = _Reader(boundary, fields)
    limit = sum(field.limit for field in fields.values()) + OVERHEAD
    read = 0
    refusal: RequestError | None = None
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        refusal = TooLargeError(_too_large(fields))
        if int(length) > MAX_DRAINED:
            raise refusal
    try:
        async for chunk in request.stream():
            read += len(chunk)
            if read > limit and refusal is None:
                refusal = TooLargeError(_too_large(fields))
            if refusal is None:
                try:
                    await reader.read(chunk)
                except RequestError as error:
                    refusal = error
            elif read > MAX_DRAINED:
                break
        if refusal is not None:
            raise refusal
        return reader.finish()
    finally:
        await reader.close()


def _boundary(request: Request) -> bytes:
    if content_type(request) != MULTIPART:
        raise UnsupportedTypeError(f"Send the body as {MULTIPART}, not as {content_type(request) or 'no type at all'}.")
    _, options = parse_options_header(request.headers["content-type"])
    boundary = options.get(b"boundary", b"")
    if not 0 < len(boundary) <= MAX_BOUNDARY:
        raise MalformedError(f"The Content-Type has no boundary of 1 to {MAX_BOUNDARY} characters (RFC 2046).")
    return boundary


def _too_large(fields: Mapping[str, FormField]) -> str:
    name = max(fields, key=lambda each: fields[each].limit)
    return f"The body is too large: {name} may have {_size(fields[name].limit)}."


def _size(count: int) -> str:
    return f"{count / 10**6:.3g} MB" if count >= 10**6 else f"{count} bytes"


class _Reader:
    """Reads one body as it comes. What goes to files is written in a thread after each piece."""

    def __init__(self, boundary: bytes, fields: Mapping[str, FormField]) -> None:
        self._limits = fields
        self._fields: dict[str, bytearray] = {}
        self._files: dict[str, BinaryIO] = {}
        self._written: dict[str, int] = {}
        self._to_write: list[tuple[str, bytes]] = []
        self._parts = 0
        self._headers = 0
        self._header = bytearray()
        self._value = bytearray()
        self._disposition = b""
        self._name: str | None = None
        self._ended = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin_part,
                "on_header_field": self._read_header,
                "on_header_value": self._read_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._end_headers,
                "on_part_data": self._read_data,
                "on_end": self._end,
            },
        )

    async def read(self, chunk: bytes) -> None:
        """Raises MalformedError, TooLargeError and DiskFullError."""
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise MalformedError(f"The body is no {MULTIPART}: {error}.") from None
        if self._to_write:
            pieces, self._to_write = self._to_write, []
            await asyncio.to_thread(self._write, pieces)

    def finish(self) -> Form:
        """Raises MalformedError where the body ended before its last boundary."""
        if not self._ended:
            raise MalformedError(f"The body ends before its last boundary; send all of the {MULTIPART}.")
        return Form({name: bytes(data) for name, data in self._fields.items()})

    async def close(self) -> None:
        """Closes the files. May be called twice. Raises DiskFullError where their last bytes have no room."""
        files, self._files = self._files, {}
        if files:
            await asyncio.to_thread(self._close, files)

    def _write(self, pieces: list[tuple[str, bytes]]) -> None:
        for name, piece in pieces:
            path = self._limits[name].into
            assert path is not None
            with storing(path.parent):
                if name not in self._files:
                    self._files[name] = path.open("wb")
                self._files[name].write(piece)

    def _close(self, files: Mapping[str, BinaryIO]) -> None:
        for name, file in files.items():
            path = self._limits[name].into
            assert path is not None
            with storing(path.parent):
                file.close()

    def _begin_part(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise MalformedError(f"The form has more than {MAX_PARTS} fields.")
        self._headers = 0
        self._disposition = b""

    def _read_header(self, data: bytes, start: int, end: int) -> None:
        self._count_header(end - start)
        self._header += data[start:end]

    def _read_value(self, data: bytes, start: int, end: int) -> None:
        self._count_header(end - start)
        self._value += data[start:end]

    def _count_header(self, size: int) -> None:
        self._headers += size
        if self._headers > MAX_HEADER:
            raise MalformedError(f"The headers of a field are larger than {MAX_HEADER} bytes.")

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _end_headers(self) -> None:
        _, options = parse_options_header(self._disposition)
        name = options.get(b"name", b"").decode(errors="replace")
        if not name:
            raise MalformedError("A part of the form has no name in its Content-Disposition (RFC 7578 section 4.2).")
        if name in self._fields:
            raise MalformedError(f"The field {name[:80]!r} comes twice.")
        self._name = name if name in self._limits else None
        if self._name is not None:
            self._fields[self._name] = bytearray()
            self._written[self._name] = 0

    def _read_data(self, data: bytes, start: int, end: int) -> None:
        if self._name is None:
            return
        field = self._limits[self._name]
        self._written[self._name] += end - start
        if self._written[self._name] > field.limit:
            raise TooLargeError(f"The field {self._name!r} is larger than {_size(field.limit)}, which is the most.")
        if field.into is None:
            self._fields[self._name] += data[start:end]
        else:
            self._to_write.append((self._name, data[start:end]))

    def _end(self) -> None:
        self._ended = True
