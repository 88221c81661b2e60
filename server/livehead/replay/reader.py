"""Reads a replay file. Blocking. The file may be anybody's, and may have been cut short."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from livehead.errors import MediaError
from livehead.replay.decoder import EventDecoder
from livehead.replay.events import Event
from livehead.replay.header import Header, decode_header
from livehead.replay.images import Rgb, decode_image
from livehead.replay.records import Kind, Record, RecordReader

MAX_IMAGES = 10_000


class ReplayFile:
    """``header`` is there at once. When :meth:`events` came to their end, ``end`` says in one word why the recording
    ended, and is None where the file was cut, as by a crash; ``unread`` are the bytes behind the last whole record.

    Raises :class:`~livehead.errors.MediaError` in one line for a file that is not there, is none, or is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.end: str | None = None
        self.unread = 0
        self._path = path
        self._images: list[tuple[int, int]] = []  # where each lies, and how long it is
        self.header = self._read_header()

    @property
    def name(self) -> str:
        """What messages call it."""
        return str(self._path)

    def events(self) -> Iterator[Event]:
        """From the beginning, in the order in which they happened; may be called again."""
        decoder = EventDecoder()
        self._images = []
        self.end = None
        for record in self._records():
            if record.kind is Kind.IMAGE:
                if len(self._images) >= MAX_IMAGES:
                    raise self.damaged(f"it has over {MAX_IMAGES} pictures")
                self._images.append((record.start, len(record.body)))
            elif record.kind is Kind.EVENTS:
                try:
                    yield from decoder.decode(record.body)
                except MediaError as error:
                    raise self.damaged(str(error)) from None
            elif record.kind is Kind.END:
                self.end = _reason(record.body)
                return

    def image(self, number: int) -> Rgb:
        """A picture of those that came before the last event, uint8 ``(H, W, 3)``."""
        if not 0 <= number < len(self._images):
            raise self.damaged(f"it has no picture {number}")
        start, length = self._images[number]
        try:
            with self._path.open("rb") as file:
                file.seek(start)
                return decode_image(file.read(length))
        except OSError as error:
            raise MediaError(f"{self._path} cannot be read: {error.strerror}.") from None
        except MediaError as error:
            raise self.damaged(str(error)) from None

    def _read_header(self) -> Header:
        for record in self._records():
            if record.kind is Kind.HEADER:
                return decode_header(record.body, str(self._path))
            break
        raise MediaError(f"{self._path} does not begin with a header: nothing was recorded, or it is damaged.")

    def _records(self) -> Iterator[Record]:
        try:
            with self._path.open("rb") as file:
                records = RecordReader(file, str(self._path))
                yield from records
                self.unread = 0 if records.cut is None else file.seek(0, 2) - records.cut
        except FileNotFoundError:
            raise MediaError(f"There is no replay file at {self._path}. Check the path.") from None
        except OSError as error:
            raise MediaError(f"The replay file {self._path} cannot be read: {error.strerror}.") from None

    def damaged(self, why: str) -> MediaError:
        """The error to raise for something in it that no session writes."""
        return MediaError(f"{self._path} is damaged: {why}.")


def _reason(body: bytes) -> str:
    try:
        reason = json.loads(body)["reason"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return "unknown"
    return reason if isinstance(reason, str) and reason.isidentifier() and len(reason) < 40 else "unknown"
