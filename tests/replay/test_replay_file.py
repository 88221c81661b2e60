"""The file: what is written is read, bounded, and as far as it is whole."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

import fakes
from livehead.core.block import quantize
from livehead.core.windows import Window
from livehead.errors import MediaError
from livehead.replay.events import Interrupted, Made, Opened, Reopened, Rewound, Sent, Submitted
from livehead.replay.header import decode_header
from livehead.replay.images import decode_image, encode_image
from livehead.replay.overview import Overview
from livehead.replay.reader import ReplayFile
from livehead.replay.records import SIGNATURE, Kind, RecordReader, pack_record
from livehead.replay.varints import Numbers, put, put_bytes, put_signed
from livehead.replay.writer import ReplayWriter
from replay.headers import header

IDLE = (1 << 15) - (1 << 30)


def noise(blocks: int, seed: int = 0) -> np.ndarray:
    return quantize(np.random.default_rng(seed).uniform(-1, 1, 640 * blocks).astype(np.float32))


def written(path: Path) -> ReplayWriter:
    """All kinds of events; the second window's provisional block turns out to be another."""
    file = path.open("wb")
    writer = ReplayWriter(file, header())
    pcm = noise(6)
    writer.opened(1, fakes.portrait(9), (1 << 64) - 1, "ä one", "#102030")
    writer.opened(2, fakes.portrait(8), 0, "two", "three", fakes.portrait(9))
    writer.submitted(1, Window(IDLE, 2, 1, pcm[: 3 * 640]))
    writer.made(1, IDLE, 2)
    writer.sent(0, IDLE, None, pcm[:640])
    writer.sent(1, IDLE + 1, IDLE, pcm[640:1280])
    changed = noise(3, seed=1)
    writer.submitted(2, Window(IDLE + 2, 3, 0, changed))
    writer.interrupted()
    writer.rewound(1, IDLE)
    writer.sent(5, None, IDLE, np.zeros(640, np.float32))
    writer.made(2, IDLE + 2, 3, 8, 5)
    writer.flush()
    writer.reopened(2)
    writer.sent(6, IDLE + 3, IDLE + 2, changed[640:1280])
    writer.end("closed")
    file.close()
    return writer


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.lhr"
    written(path)
    file = ReplayFile(path)
    events = list(file.events())
    assert file.header == header()
    assert (file.end, file.unread) == ("closed", 0)
    kinds = [Opened, Opened, Submitted, Made, Sent, Sent, Submitted, Interrupted, Rewound, Sent, Made, Reopened, Sent]
    assert [type(event) for event in events] == kinds
    assert events[0] == Opened(1, 0, (1 << 64) - 1, "ä one", "#102030")
    assert events[1] == Opened(2, 1, 0, "two", "three", 0)
    windows = [event.window for event in events if isinstance(event, Submitted)]
    assert [(window.k, window.hop, window.lookahead) for window in windows] == [(IDLE, 2, 1), (IDLE + 2, 3, 0)]
    assert windows[0].pcm.tobytes() == noise(6)[: 3 * 640].tobytes()
    assert windows[1].pcm.tobytes() == noise(3, seed=1).tobytes()
    ticks = [event for event in events if isinstance(event, Sent)]
    assert [(tick.index, tick.k, tick.frame_k) for tick in ticks] == [
        (0, IDLE, None),
        (1, IDLE + 1, IDLE),
        (5, None, IDLE),
        (6, IDLE + 3, IDLE + 2),
    ]
    assert ticks[3].pcm.tobytes() == windows[1].pcm[640:1280].tobytes()
    assert events[3] == Made(1, IDLE)
    assert events[10] == Made(2, IDLE + 2, 8, 5)
    assert events[8] == Rewound(1, IDLE)
    assert np.array_equal(file.image(1), fakes.portrait(8))
    assert [type(event) for event in file.events()] == kinds  # and once more


def test_windows_that_were_made_as_one_are_told_together(tmp_path: Path) -> None:
    path = tmp_path / "a.lhr"
    with path.open("wb") as file:
        writer = ReplayWriter(file, header())
        for k in (0, 4, 8, 16):
            hop = 8 if k == 8 else 4
            writer.submitted(1, Window(k, hop, 0, noise(hop, seed=k)))
        writer.made(1, 0, 8)
        writer.made(1, 8, 8)
        writer.made(1, 16, 8)  # no windows have these blocks
        writer.made(1, 16, 4, 3, 2)
        writer.end("closed")
    made = [event for event in ReplayFile(path).events() if isinstance(event, Made)]
    assert made == [Made(1, 0, 1, 0, 2), Made(1, 8), Made(1, 16, 3, 2)]


def test_a_picture_and_a_block_are_written_once(tmp_path: Path) -> None:
    sizes = []
    for times in (1, 50):
        with (tmp_path / "a.lhr").open("wb") as file:
            writer = ReplayWriter(file, header())
            image = np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)
            for stream in range(times):
                writer.opened(stream, image, 1, "one")
            for k in range(times):
                writer.submitted(1, Window(k, 1, 2, noise(60)[k * 640 : (k + 3) * 640]))
            writer.end("closed")
            sizes.append(writer.bytes)
    assert sizes[1] - sizes[0] < 50 * 640 * 2 * 1.1


def test_pictures_keep_every_byte() -> None:
    image = np.random.default_rng(1).integers(0, 255, (33, 47, 3), np.uint8)
    assert np.array_equal(decode_image(encode_image(image)), image)
    long = np.zeros((1, 17_000, 3), np.uint8)
    assert np.array_equal(decode_image(encode_image(long)), long)
    for broken in (b"", b"GIF89a", encode_image(image)[:40]):
        with pytest.raises(MediaError):
            decode_image(broken)


def test_a_picture_that_is_too_large_is_not_decoded() -> None:
    chunk = struct.pack(">I4sIIBBBBB", 13, b"IHDR", 50_000, 50_000, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", zlib.crc32(chunk[4:])) + bytes(12)
    with pytest.raises(MediaError):
        decode_image(png)


@pytest.mark.parametrize("change", ["cut", "flipped", "length"])
def test_it_is_read_as_far_as_it_is_whole(change: str, tmp_path: Path) -> None:
    path = tmp_path / "a.lhr"
    written(path)
    data = bytearray(path.read_bytes())
    starts = [record.start - 5 for record in RecordReader(io.BytesIO(data), "a")]
    if change == "cut":
        del data[starts[-2] + 9 :]
    elif change == "flipped":
        data[starts[-2] + 9] ^= 4
    else:
        data[starts[-2] : starts[-2] + 4] = b"\xff\xff\xff\x7f"
    path.write_bytes(data)
    file = ReplayFile(path)
    assert [type(event) for event in file.events()][-1] is Made
    assert file.end is None
    assert file.unread == len(data) - starts[-2]


def test_records_of_a_kind_that_is_not_known_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.lhr"
    written(path)
    data = path.read_bytes()
    stranger = pack_record(77, b"later")  # type: ignore[arg-type]
    path.write_bytes(data[: len(SIGNATURE)] + stranger + data[len(SIGNATURE) :])
    assert len(list(ReplayFile(path).events())) == 13


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not a replay file"),
        (b"RIFF1234WAVEfmt ", "not a replay file"),
        (SIGNATURE[:8] + struct.pack("<I", 3), "format 3"),
        (SIGNATURE, "does not begin with a header"),
        (SIGNATURE + pack_record(Kind.END, b"{}"), "does not begin with a header"),
        (SIGNATURE + pack_record(Kind.HEADER, b"{}"), "header cannot be read"),
        (SIGNATURE + pack_record(Kind.HEADER, b"[" * 60_000), "header cannot be read"),
        (SIGNATURE + pack_record(Kind.HEADER, header(engine="x" * 300).encode()), "not one that Livehead writes"),
        (SIGNATURE + pack_record(Kind.HEADER, header(engine="a\x1b[2J").encode()), "not one that Livehead writes"),
    ],
)
def test_what_is_no_replay_file_is_refused_in_one_line(data: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "a.lhr"
    path.write_bytes(data)
    with pytest.raises(MediaError, match=says) as caught:
        ReplayFile(path)
    assert "\n" not in str(caught.value)


def body(plain: bytes) -> bytes:
    return zlib.compress(plain)


@pytest.mark.parametrize(
    ("events", "says"),
    [
        (b"not zlib", "cannot be unpacked"),
        (body(b"short"), "too large or not whole"),
        (body(bytes(1 << 23)), "too large or not whole"),
        (body(struct.pack("<III", 1 << 30, 0, 0)), "more audio than it may"),
        (body(struct.pack("<III", 1, 0, 0)), "audio is missing"),
        (body(struct.pack("<III", 0, 0, 0) + b"\x63"), "no event of kind 99"),
        (body(struct.pack("<III", 0, 0, 0) + b"\x04\x01\x00\x01\x00"), "audio of a block is missing"),
        (body(struct.pack("<III", 0, 0, 0) + b"\x04\x01\x00\x00\x00"), "window without frames"),
        (body(struct.pack("<III", 0, 0, 0) + b"\x05\x01\x00"), "window that there is not"),
        (body(struct.pack("<III", 0, 0, 0) + b"\x0a\x01\x00\x00\x00\x02"), "window that there is not"),
        (body(struct.pack("<III", 0, 0, 0) + b"\x03" + b"\xff" * 11), "has no end"),
        (body(struct.pack("<III", 0, 0, 0) + b"\x01\x00\x05"), "more audio than there is"),
    ],
)
def test_events_that_nobody_writes_are_refused(events: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "a.lhr"
    path.write_bytes(SIGNATURE + pack_record(Kind.HEADER, header().encode()) + pack_record(Kind.EVENTS, events))
    file = ReplayFile(path)
    with pytest.raises(MediaError, match=f"a.lhr is damaged: .*{says}"):
        list(file.events())


def test_a_session_without_a_tick_is_nothing_to_see(tmp_path: Path) -> None:
    path = tmp_path / "a.lhr"
    path.write_bytes(SIGNATURE + pack_record(Kind.HEADER, header().encode()))
    with pytest.raises(MediaError, match="has nothing to be shown"):
        Overview.of(ReplayFile(path))


def test_numbers() -> None:
    numbers = [0, 1, 127, 128, 300, (1 << 64) - 1]
    out = bytearray()
    for number in numbers:
        put(out, number)
    signed = [0, -1, 1, -64, 64, -(1 << 40), 1 << 40]
    for number in signed:
        put_signed(out, number)
    put_bytes(out, b"abc")
    taken = Numbers(bytes(out))
    assert [taken.take() for _ in numbers] == numbers
    assert [taken.take_signed() for _ in signed] == signed
    assert taken.take_bytes(3) == b"abc"
    assert not taken.more
    with pytest.raises(MediaError):
        taken.take()


def test_which_generators_make_the_same_pictures() -> None:
    info = fakes.FakeGenerator().info
    made = header()
    assert made.made_by(info)
    assert made.made_alike(info)
    assert not made.made_by(fakes.FakeGenerator(size=128).info)
    assert not made.made_by(fakes.FakeGenerator(motion_frames=5).info)
    assert not made.made_alike(fakes.FakeGenerator(device="other").info)
    assert decode_header(made.encode(), "a") == made
