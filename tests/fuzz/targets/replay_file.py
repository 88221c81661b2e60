"""Replay files: the records, and what is in them, behind checksums that are right."""

from __future__ import annotations

import io
import random
import tempfile
import zlib
from pathlib import Path

import numpy as np

import fakes
from fuzz.mutators import change_bytes
from fuzz.target import Target
from livehead.core.block import quantize
from livehead.core.windows import Window
from livehead.errors import MediaError
from livehead.replay.events import Opened, Sent, Submitted
from livehead.replay.overview import Overview
from livehead.replay.reader import ReplayFile
from livehead.replay.records import SIGNATURE, Kind, RecordReader, pack_record
from livehead.replay.writer import ReplayWriter
from replay.headers import header


def run(data: bytes) -> None:
    with tempfile.NamedTemporaryFile(prefix="livehead-fuzz-", suffix=".lhr") as temporary:
        temporary.write(data)
        temporary.flush()
        said = ""
        try:
            _read(ReplayFile(Path(temporary.name)))
        except MediaError as error:
            said = str(error)
    assert not said or said.isprintable(), "an error of several lines"


def _read(file: ReplayFile) -> None:
    Overview.of(file)
    for event in file.events():
        if isinstance(event, Opened):
            file.image(event.image)
        elif isinstance(event, Submitted):
            assert len(event.window.pcm) == (event.window.hop + event.window.lookahead) * 640
        elif isinstance(event, Sent):
            assert len(event.pcm) == 640


def seed() -> bytes:
    """A short session with all that there is."""
    file = io.BytesIO()
    writer = ReplayWriter(file, header())
    pcm = quantize(np.random.default_rng(1).uniform(-1, 1, 640 * 12).astype(np.float32))
    writer.opened(1, fakes.portrait(9), 1 << 40, "one", "#102030")
    for k in range(8):
        writer.submitted(1, Window(k, 1, 2, pcm[k * 640 : (k + 3) * 640]))
        writer.made(1, k, 1)
        writer.sent(k, k if k != 4 else None, k - 1 if k else None, pcm[k * 640 : (k + 1) * 640])
        if k == 5:
            writer.flush()
            writer.interrupted()
            writer.rewound(1, 4)
            writer.reopened(1)
    writer.end("closed")
    return file.getvalue()


def mutate(data: bytes, chance: random.Random) -> bytes:
    """A record changed, with its checksum made right again; doubled, moved or left out; or any bytes."""
    try:
        records = [(record.kind, record.body) for record in RecordReader(io.BytesIO(data), "a")]
    except MediaError:
        records = []
    if not records or chance.random() < 0.15:
        return change_bytes(data, chance)
    at = chance.randrange(len(records))
    kind, body = records[at]
    match chance.randrange(6):
        case 0:
            records.insert(chance.randrange(len(records) + 1), (kind, body))
        case 1:
            del records[at]
        case 2 if kind is not Kind.EVENTS:
            records[at] = kind, change_bytes(body, chance)
        case _:
            events = [i for i, (each, _) in enumerate(records) if each is Kind.EVENTS] or [at]
            at = chance.choice(events)
            try:
                plain = zlib.decompressobj().decompress(records[at][1], 1 << 20)
            except zlib.error:
                plain = records[at][1]
            head = chance.choice((0, 12, max(0, len(plain) - 60)))  # of what comes behind the audio most is told
            records[at] = records[at][0], zlib.compress(plain[:head] + change_bytes(plain[head:], chance))
    return SIGNATURE + b"".join(pack_record(each, changed) for each, changed in records)


TARGET = Target("replay_file", run, (seed(),), mutate, 1 << 17, (400_000, 4000.0))
