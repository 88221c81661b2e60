import errno
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livehead.engine.ipc.frame_ring import FrameRing, create_memory
from livehead.errors import EngineError


@pytest.fixture
def rings():
    memory = create_memory()
    writer = FrameRing(memory, width=8, height=4, slots=5, create=True)
    reader = FrameRing(memory, width=8, height=4, slots=5)
    yield writer, reader
    writer.close()
    reader.close()
    os.close(memory)


def frames(*values: int) -> np.ndarray:
    return np.array([np.full((6, 8), value) for value in values], np.uint8)


def values(taken: list[np.ndarray]) -> list[int]:
    assert all(len(np.unique(frame)) == 1 for frame in taken)
    return [int(frame[0, 0]) for frame in taken]


def test_frames_cross_and_wrap_round(rings):
    writer, reader = rings
    for first in range(0, 60, 3):
        position = writer.write(frames(first, first + 1, first + 2))
        assert values(reader.take(position, 3)) == [first, first + 1, first + 2]


def test_full_ring_refuses_and_takes_again_when_there_is_room(rings):
    writer, reader = rings
    position = writer.write(frames(1, 2, 3, 4))
    assert writer.write(frames(5, 6)) is None
    assert writer.write(frames(7)) == position + 4
    assert writer.write(frames(8)) is None
    assert values(reader.take(position, 4)) == [1, 2, 3, 4]
    assert writer.write(frames(9, 10)) == position + 5


def test_more_than_the_ring_holds_is_refused(rings):
    writer, _ = rings
    assert writer.write(frames(*range(6))) is None


def test_taken_frames_are_the_takers_own(rings):
    writer, reader = rings
    first, second = reader.take(writer.write(frames(1, 2)), 2)
    writer.write(frames(3, 4, 5, 6))
    assert values([first, second]) == [1, 2]
    assert first.base is None  # holds no hop in memory


def test_no_name_is_left_in_shared_memory(rings):
    assert not list(Path("/dev/shm").glob("*livehead*"))


def test_close_twice(rings):
    for ring in rings:
        ring.close()
        ring.close()


@given(st.lists(st.integers(1, 5), max_size=40), st.randoms(use_true_random=False))
def test_whatever_is_written_is_taken_once_in_order(counts, random):
    memory = create_memory()
    writer = FrameRing(memory, width=8, height=4, slots=5, create=True)
    reader = FrameRing(memory, width=8, height=4, slots=5)
    written, waiting, taken = [], [], []
    for index, count in enumerate(counts):
        values_now = [(index * 5 + offset) % 251 for offset in range(count)]
        position = writer.write(frames(*values_now))
        if position is None:
            assert sum(count for _, count in waiting) + count > 5
        else:
            written += values_now
            waiting.append((position, count))
        while waiting and random.random() < 0.5:
            taken += values(reader.take(*waiting.pop(0)))
    while waiting:
        taken += values(reader.take(*waiting.pop(0)))
    assert taken == written
    writer.close()
    reader.close()
    os.close(memory)


def test_a_frame_of_twice_the_height_takes_two_slots_wherever_they_lie(rings):
    writer, reader = rings
    for first in range(0, 40, 2):
        tall = np.concatenate([frames(first), frames(first + 1)], axis=1)
        assert writer.span(tall) == 2
        position = writer.write(tall)
        (taken,) = reader.take(position, 1, 2)
        assert taken.shape == (12, 8)
        assert (taken == tall[0]).all()
        position = writer.write(frames(77))  # the next one begins at an odd place
        assert values(reader.take(position, 1)) == [77]


def test_there_is_no_room_for_half_a_frame(rings):
    writer, reader = rings
    tall = np.concatenate([frames(1, 2), frames(3, 4)], axis=1)
    position = writer.write(tall)
    assert writer.write(tall[:1]) is None
    assert [int(frame[-1, 0]) for frame in reader.take(position, 2, 2)] == [3, 4]
    assert writer.write(tall) == position + 4


def test_all_its_pages_are_reserved_when_it_is_made():
    memory = create_memory()
    ring = FrameRing(memory, width=512, height=512, slots=8, create=True)
    held = os.fstat(memory)
    assert held.st_blocks * 512 >= held.st_size
    ring.close()
    os.close(memory)


def test_without_room_nothing_is_made_and_the_error_says_how_much_it_takes(monkeypatch):
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    memory = create_memory()
    with pytest.raises(EngineError, match="3 MB are needed"):
        FrameRing(memory, width=512, height=512, slots=8, create=True)
    os.close(memory)


def test_the_call_under_way_is_seen_by_the_reader(rings):
    writer, reader = rings
    assert reader.under_way == ()
    writer.under_way = [7, 300]
    assert reader.under_way == (7, 300)
    assert values(reader.take(writer.write(frames(1)), 1)) == [1]
    writer.under_way = range(10_000)  # more than there is room for
    assert reader.under_way[:3] == (0, 1, 2)
    assert values(reader.take(writer.write(frames(2)), 1)) == [2]
    writer.under_way = ()
    assert reader.under_way == ()
