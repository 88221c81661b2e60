"""The jitter buffer, with packets of any number and time."""

from __future__ import annotations

import math

from fuzz.mutators import packet_mutator
from fuzz.target import Target
from fuzz.targets.pieces import piece, pieces
from livehead.media.audio.jitter_buffer import HIGH, LOW, MAX_GAP, MAX_HELD, JitterBuffer, Taken

RATE = 48_000
NEXT, JUMP, BACK, WAIT, RESTART, LONG = range(6)


def run(data: bytes) -> None:
    buffer = JitterBuffer(RATE)
    now, sequence, timestamp, given, pushed = 100.0, 65_530, 2**32 - 3000, 0, 0
    for command, number, content in pieces(data):
        before = now
        match command % 6:
            case 0:
                sequence, timestamp, now = sequence + 1, timestamp + 960, now + number / 65536 / 4
            case 1:
                sequence, timestamp = sequence + number, timestamp + 960 * number
            case 2:
                sequence, timestamp = sequence - number % 300, timestamp - 960 * (number % 300)
            case 3:
                now += number / 256
            case 4:
                buffer.restart()
            case _:
                timestamp += int.from_bytes(content[:4], "big")
        sequence, timestamp = sequence & 0xFFFF, timestamp & 0xFFFFFFFF
        if command % 6 in (0, 1, 2, 5):
            buffer.push(sequence, timestamp, 1 + number % 5760 if command >= 128 else 960, content, now)
            pushed += 1
        popped = 0
        while (item := buffer.pop(now)) is not None:
            popped += 1
            assert popped < 4096, "it does not come to an end"
            duration = item.duration - item.skip + item.stretch if isinstance(item, Taken) else item.duration
            assert 0 < duration <= MAX_GAP * RATE + 1
            given += duration
        assert len(buffer._held) <= MAX_HELD
        assert LOW <= buffer.target <= HIGH
        due = buffer.due
        assert due is None or (math.isfinite(due) and due > now - 1e-6), "overdue, and nothing was given"
        assert given <= (now - 100 + 2) * RATE + 2 * 5760 * pushed, f"more than time itself, {now - before}"


_PACKETS = tuple(piece(c, n, b"abcd") for c in range(6) for n in (0, 1, 40, 5000))

TARGET = Target(
    "jitter_buffer",
    run,
    (
        piece(NEXT, 5243, b"x") * 60,
        (piece(NEXT, 5243, b"x") * 5 + piece(JUMP, 3, b"x") + piece(BACK, 2, b"x")) * 5,
        piece(NEXT, 0, b"x") * 20 + piece(WAIT, 512) + piece(RESTART) + piece(NEXT, 9, b"x") * 10,
        piece(NEXT, 5243, b"x") * 5 + piece(LONG, 0, b"\x7f\xff\xff\xff") + piece(NEXT, 5243, b"x") * 5,
    ),
    packet_mutator(*_PACKETS),
    4096,
    (10_000, 250.0),
    steps=400,
)
