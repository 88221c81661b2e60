"""Writes a replay file as a session goes on. Blocking: for a thread."""

from __future__ import annotations

import hashlib
import json
from typing import BinaryIO

from livehead.core.block import FPS, Pcm
from livehead.core.windows import Window
from livehead.replay.encoder import EventEncoder
from livehead.replay.events import Opened
from livehead.replay.header import Header
from livehead.replay.images import Rgb, encode_image
from livehead.replay.records import SIGNATURE, Kind, pack_record

EVERY = FPS
"""Ticks of one record: so much is lost where the process is killed."""

ENOUGH_BYTES = 1 << 13
"""Of events in a record. A second takes about 400."""

ENOUGH_BLOCKS = 256
"""Of audio in a record: ten seconds."""


class ReplayWriter:
    """Appends to ``file``, which stays open. The methods are told what happened, in its order; every record is handed
    to the system as it is made. Raises ``OSError`` where that fails."""

    def __init__(self, file: BinaryIO, header: Header) -> None:
        self.bytes = 0
        self._file = file
        self._encoder = EventEncoder()
        self._images: dict[bytes, int] = {}
        self._ticks = 0
        self._write(SIGNATURE + pack_record(Kind.HEADER, header.encode()))

    def opened(
        self, stream: int, portrait: Rgb, seed: int, avatar: str, background: str = "keep", picture: Rgb | None = None
    ) -> None:
        """Pictures are uint8 ``(H, W, 3)``; each is written once."""
        image, behind = self._image(portrait), None if picture is None else self._image(picture)
        self._encoder.opened(Opened(stream, image, seed, avatar, background, behind))
        self._flush_enough()

    def reopened(self, stream: int, shown_k: int | None = None) -> None:
        self._encoder.reopened(stream, shown_k)
        self._flush_enough()

    def submitted(self, stream: int, window: Window) -> None:
        self._encoder.submitted(stream, window)
        self._flush_enough()

    def made(self, stream: int, k: int, hop: int, batch: int = 1, place: int = 0) -> None:
        self._encoder.made(stream, k, hop, batch, place)
        self._flush_enough()

    def rewound(self, stream: int, shown_k: int) -> None:
        self._encoder.rewound(stream, shown_k)
        self._flush_enough()

    def interrupted(self) -> None:
        self._encoder.interrupted()
        self._flush_enough()

    def sent(self, index: int, k: int | None, frame_k: int | None, pcm: Pcm) -> None:
        self._encoder.sent(index, k, frame_k, pcm)
        self._ticks += 1
        if self._ticks >= EVERY:
            self.flush()
        self._flush_enough()

    def flush(self) -> None:
        """Write what was told so far."""
        self._ticks = 0
        if self._encoder.size:
            self._write(pack_record(Kind.EVENTS, self._encoder.take()))

    def end(self, reason: str) -> None:
        """The last record. ``reason`` is one word."""
        self.flush()
        self._write(pack_record(Kind.END, json.dumps({"reason": reason}).encode()))

    def _flush_enough(self) -> None:
        """A reader takes records up to a size only."""
        if self._encoder.size >= ENOUGH_BYTES or self._encoder.blocks >= ENOUGH_BLOCKS:
            self.flush()

    def _image(self, rgb: Rgb) -> int:
        digest = hashlib.sha256(repr(rgb.shape).encode() + rgb.tobytes()).digest()
        if digest not in self._images:
            self._write(pack_record(Kind.IMAGE, encode_image(rgb)))
            self._images[digest] = len(self._images)
        return self._images[digest]

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._file.flush()
        self.bytes += len(data)
