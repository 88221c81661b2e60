"""The outer form of a replay file: a signature, and records that are appended one by one, each with a checksum.

A file that ends in the middle of a record is good up to that record. See docs/replay.md.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import BinaryIO

from livehead.errors import MediaError

VERSION = 2
"""Of the files that are written: since 2 there are codes 10 and 11 (:class:`~livehead.replay.encoder.Code`)."""

READABLE = (1, 2)

SIGNATURE = b"\x89LHR\r\n\x1a\n" + struct.pack("<I", VERSION)
"""As that of PNG it tells what was sent as text, or cut. The version follows, little-endian like every number here."""

_HEAD = struct.Struct("<IB")
_CHECKSUM = struct.Struct("<I")


class Kind(IntEnum):
    HEADER = 1
    IMAGE = 2
    EVENTS = 3
    END = 4


MOST = {Kind.HEADER: 1 << 16, Kind.IMAGE: 1 << 27, Kind.EVENTS: 1 << 22, Kind.END: 1 << 12}
"""Bytes of a record's body. What claims more is no record."""


@dataclass(frozen=True, slots=True)
class Record:
    """``start`` is where its body lies in the file. Kinds that are not known are left out."""

    kind: Kind
    body: bytes
    start: int


def pack_record(kind: Kind, body: bytes) -> bytes:
    head = _HEAD.pack(len(body), kind)
    return head + body + _CHECKSUM.pack(zlib.crc32(body, zlib.crc32(head)))


class RecordReader:
    """Iterates over the records of a file, as far as they are whole. ``cut`` says where they are not any more, None
    where the file ends behind a record.

    Raises :class:`~livehead.errors.MediaError` for what is no replay file, or one of a later version.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        signature = file.read(len(SIGNATURE))
        if signature[:8] != SIGNATURE[:8] or len(signature) < len(SIGNATURE):
            raise MediaError(f"{name} is not a replay file (.lhr) of Livehead.")
        version = int.from_bytes(signature[8:], "little")
        if version not in READABLE:
            raise MediaError(f"{name} has format {version}; this version of Livehead reads up to {VERSION}. Update it.")
        self.cut: int | None = None
        self._file = file

    def __iter__(self) -> Iterator[Record]:
        at = len(SIGNATURE)
        while head := self._file.read(_HEAD.size):
            self.cut = at
            if len(head) < _HEAD.size:
                return
            length, number = _HEAD.unpack(head)
            kind = Kind(number) if number in Kind.__members__.values() else None
            if length > (MOST[kind] if kind else max(MOST.values())):
                return
            body, checksum = self._file.read(length), self._file.read(_CHECKSUM.size)
            if checksum != _CHECKSUM.pack(zlib.crc32(body, zlib.crc32(head))):
                return
            self.cut = None
            if kind is not None:
                yield Record(kind, body, at + _HEAD.size)
            at += _HEAD.size + length + _CHECKSUM.size
