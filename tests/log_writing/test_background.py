"""Nothing that logs waits for who reads the log."""

from __future__ import annotations

import errno
import logging
import os
import threading
from collections.abc import Iterator

import pytest

from livehead.log_writing.background import BackgroundHandler
from livehead.log_writing.flood import BURST, LINES_PER_S
from livehead.log_writing.stream import writer_to


class Sink:
    """Takes lines while ``open`` is set."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.open = threading.Event()
        self.open.set()
        self.reached = threading.Semaphore(0)

    def write(self, text: str) -> None:
        self.reached.release()
        self.open.wait()
        self.lines += [line.partition(": ")[2] for line in text.splitlines()]


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def sink() -> Iterator[Sink]:
    made = Sink()
    yield made
    made.open.set()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def handler(sink: Sink, clock: Clock) -> Iterator[BackgroundHandler]:
    made = BackgroundHandler(sink.write, capacity=10, clock=clock)
    yield made
    sink.open.set()
    made.close()


def log(handler: BackgroundHandler, message: str, line: int = 1, name: str = "livehead.x") -> None:
    handler.handle(logging.LogRecord(name, logging.INFO, "x.py", line, message, (), None))


def test_lines_are_written_in_order_by_another_thread(handler: BackgroundHandler, sink: Sink) -> None:
    for n in range(5):
        log(handler, f"line {n}")
    handler.flush()
    assert sink.lines == [f"line {n}" for n in range(5)]


def test_what_does_not_fit_is_dropped_and_counted(handler: BackgroundHandler, sink: Sink) -> None:
    sink.open.clear()
    log(handler, "held")
    sink.reached.acquire()  # the thread has it, and the queue is empty again
    for n in range(30):
        log(handler, f"line {n}", line=n)
    sink.open.set()
    handler.flush()
    assert sink.lines[:11] == ["held", *(f"line {n}" for n in range(10))]
    assert sink.lines[11:] == ["… 20 lines before this one were dropped: the log was not read in time"]
    log(handler, "later")
    handler.flush()
    assert sink.lines[12:] == ["later"]


def test_the_next_line_that_fits_says_how_many_were_dropped(handler: BackgroundHandler, sink: Sink) -> None:
    sink.open.clear()
    log(handler, "held")
    sink.reached.acquire()
    for n in range(13):
        log(handler, f"line {n}", line=n)
    handler._queue.get()  # one has been read, as far as the next can tell
    log(handler, "fits")
    sink.open.set()
    handler.flush()
    assert sink.lines[-2:] == ["… 3 lines before this one were dropped: the log was not read in time", "fits"]


def test_one_line_of_code_does_not_fill_the_log(sink: Sink, clock: Clock) -> None:
    handler = BackgroundHandler(sink.write, clock=clock)
    for n in range(5000):
        log(handler, f"flood {n}")
        log(handler, f"other {n}", line=2) if n == 4000 else None
    handler.flush()
    assert len(sink.lines) == BURST + 2
    assert "other 4000" in sink.lines
    assert sink.lines[-1] == f"… and {5000 - int(BURST):,} more like it"  # nothing more comes: told at the end
    clock.now += 2.0
    for n in range(500):
        log(handler, f"again {n}")
    handler.flush()
    again = [line for line in sink.lines if line.startswith("again")]
    assert len(again) == 2 * LINES_PER_S
    clock.now += 2.0
    log(handler, "after")
    handler.close()
    assert sink.lines.count("… and 400 more like it") == 1
    assert sink.lines[-1] == "after"


def test_in_a_flood_that_goes_on_the_count_is_told_once_a_second(sink: Sink, clock: Clock) -> None:
    handler = BackgroundHandler(sink.write, clock=clock)
    for _ in range(10_000):
        clock.now += 0.001
        log(handler, "flood")
    handler.close()
    told = [line for line in sink.lines if "more like it" in line]
    assert 9 <= len(told) <= 12
    counted = sum(int(line.split()[2].replace(",", "")) for line in told)
    assert counted + sink.lines.count("flood") == 10_000
    assert sink.lines.count("flood") <= BURST + 10 * LINES_PER_S + 1


def test_a_place_is_a_logger_and_a_line_of_code(sink: Sink, clock: Clock) -> None:
    handler = BackgroundHandler(sink.write, clock=clock)
    for _ in range(400):
        log(handler, "a", line=1)
        log(handler, "b", line=2)
        log(handler, "c", line=1, name="livehead.y")
    handler.close()
    assert [sink.lines.count(x) for x in "abc"] == [BURST] * 3


def test_closing_waits_for_nobody_for_ever_and_may_be_done_twice(sink: Sink, clock: Clock) -> None:
    handler = BackgroundHandler(sink.write, clock=clock)
    sink.open.clear()
    log(handler, "held")
    handler.flush(0.05)
    handler.close()
    handler.close()
    log(handler, "late")
    sink.open.set()
    handler._thread.join(5)
    assert not handler._thread.is_alive()
    assert sink.lines == ["held"]


def test_a_line_that_cannot_be_made_ends_nothing(
    handler: BackgroundHandler, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("livehead.log_writing.background.render", lambda _: 1 / 0)
        log(handler, "x")
        handler.flush()
    log(handler, "y")
    handler.flush()
    assert sink.lines == ["ZeroDivisionError", "y"]


def test_a_pipe_that_nobody_holds_any_more_is_no_error() -> None:
    reading, writing = os.pipe()
    with open(writing, "w") as stream:
        write = writer_to(stream)
        os.close(reading)
        write("x\n")


def test_a_number_that_another_file_has_got_is_not_written_to() -> None:
    reading, writing = os.pipe()
    with open(writing, "w") as stream:
        write = writer_to(stream)
    other_reading, other_writing = os.pipe()
    assert writing in (other_reading, other_writing)
    write("x\n")
    assert os.read(reading, 10) == b"x\n"
    os.set_blocking(other_reading, False)
    with pytest.raises(BlockingIOError):
        os.read(other_reading, 10)
    for each in (reading, other_reading, other_writing):
        os.close(each)


def test_a_pipe_that_does_not_block_gets_all_of_it() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    text = "x" * 300_000 + "\n"
    with open(writing, "w") as stream:
        thread = threading.Thread(target=writer_to(stream), args=(text,))
        thread.start()
        found = b""
        while not found.endswith(b"\n"):
            found += os.read(reading, 65536)
        thread.join()
    os.close(reading)
    assert found == text.encode()


def test_lines_that_could_not_be_written_are_told_when_they_can_be_again() -> None:
    written: list[str] = []
    full = True

    def write(text: str) -> bool:
        if not full:
            written.append(text.rstrip().partition(": ")[2])
        return not full

    handler = BackgroundHandler(write)
    try:
        for number in range(3):
            handler.emit(logging.makeLogRecord({"msg": f"line {number}"}))
        handler.flush()
        assert written == []
        full = False
        handler.emit(logging.makeLogRecord({"msg": "there is room"}))
        handler.flush()
    finally:
        handler.close()
    assert written == ["there is room", "3 lines of this log are lost: they could not be written (is the disk full?)"]


def test_after_half_a_line_the_next_one_begins_anew() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with open(writing, "w") as stream:
        write = writer_to(stream)
    with pytest.MonkeyPatch.context() as patch:
        whole = os.write
        room = [4]

        def limited(descriptor: int, data: bytes) -> int:
            if not room[0]:
                raise OSError(errno.ENOSPC, "No space left on device")
            count = whole(descriptor, data[: room[0]])
            room[0] -= count
            return count

        patch.setattr(os, "write", limited)
        assert write("half of it\n") is False
        assert write("none of it\n") is False
    assert write("all of it\n") is True
    assert os.read(reading, 100) == b"half\nall of it\n"
    os.close(reading)
