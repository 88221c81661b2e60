"""A film's time, its pictures and its sound, as a player shows them; and what is left of one whose writer is killed."""

from __future__ import annotations

import array
import fcntl
import os
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
import pytest

from films import play
from livehead.core.block import BLOCK_SAMPLES
from livehead.core.frame import Frame
from livehead.errors import DiskFullError
from livehead.media.film import process as module
from livehead.media.film.completion import FilmCompletion
from livehead.media.film.film import on_grey
from livehead.media.film.process import FilmProcess
from livehead.media.film.wire import FilmOptions, FilmTick
from livehead.media.video.provenance import synthetic_tags

SIZE = 64
TONE = (0.5 * np.sin(2 * np.pi * 400 * np.arange(BLOCK_SAMPLES) / 16_000)).astype(np.float32)
SILENCE = np.zeros(BLOCK_SAMPLES, np.float32)
TAGS = synthetic_tags("preview", None, "amara")


def picture(k: int) -> Frame:
    i420 = np.full((SIZE * 3 // 2, SIZE), 128, np.uint8)
    i420[:SIZE, : k % SIZE] = 60
    return Frame(i420)


def tick(index: int, k: int | None = None, *, shown: bool = True) -> FilmTick:
    """Of every second the first fifth is loud, to be heard and to be seen."""
    k = index if k is None else k
    loud = k % 25 < 5
    return FilmTick(index, TONE if loud else SILENCE, picture(k) if shown else None, k, 15 if loud else 0)


@dataclass
class Making:
    """A film that is being made. ``room`` is what its check does."""

    path: Path
    room: Callable[[], None] = lambda: None
    command: tuple[str, ...] = module.COMMAND
    written: list[tuple[float, str | None]] = field(default_factory=list)
    complete: list[bool] = field(default_factory=list)
    mark: bool = False

    def __post_init__(self) -> None:
        self.process = FilmProcess(
            lambda: self.path.open("wb"),
            FilmOptions(str(self.path), f"{self.path}.new", None, TAGS, test_pattern=True, mark=self.mark),
            check=lambda: self.room(),
            on_written=lambda seconds, cut: self.written.append((seconds, cut)),
            on_complete=lambda: self.complete.append(True),
            command=self.command,
        )
        self.process.start()

    def put(self, *ticks: FilmTick) -> None:
        """As fast as they are taken."""
        for each in ticks:
            while self.process.waiting > 100 and not self.complete:
                time.sleep(0.002)
            self.process.put(each)

    def drain(self) -> None:
        """Wait until the process has read all of it."""
        unread = array.array("i", [1])
        until = time.monotonic() + 30
        while self.process.waiting or unread[0]:
            assert time.monotonic() < until
            time.sleep(0.01)
            if self.process._program is not None:
                fcntl.ioctl(self.process._program.input, termios.FIONREAD, unread)

    def end(self) -> None:
        self.process.end()
        assert self.process.join(30)

    @property
    def child(self) -> psutil.Process:
        return next(each for each in psutil.Process().children() if "livehead.media.film.main" in each.cmdline())

    def has(self, size: int) -> None:
        """Wait until so many bytes are there."""
        until = time.monotonic() + 20
        while not self.path.exists() or self.path.stat().st_size < size:
            assert time.monotonic() < until
            time.sleep(0.01)


@pytest.fixture
def film(tmp_path: Path) -> Iterator[Making]:
    making = Making(tmp_path / "film.mp4")
    yield making
    making.process.end()
    making.process.kill()
    assert making.process.join(30)


@pytest.mark.soak
def test_after_two_minutes_sound_and_picture_are_in_step(film: Making) -> None:
    missed = {500: 60, 1200: 1, 2000: 7}  # ticks that were never sent before this one
    index, indices = 7_000, []
    for k in range(3_000):
        index += 1 + missed.get(k, 0)
        indices.append(index)
        film.put(tick(index, k, shown=k >= 20))  # the first picture comes late
    film.end()
    assert film.written == [((3_000 + 68) / 25, None)]
    played = play(film.path)
    assert [at for at, _ in played.codes] == [pytest.approx(n / 25) for n in range(3_068)]
    shown = [code.k for _, code in played.codes if code is not None]
    assert len(shown) == len(played.codes)
    assert set(shown[:20]) == {20}  # from the beginning on
    assert shown[indices[500] - 7_001 - 30] == 499  # the picture before the gap
    assert shown[-1] == 2_999
    skews = played.skews()
    assert len(skews) >= 115
    assert max(map(abs, skews[-5:])) <= 0.04, "at the end"
    assert max(map(abs, skews)) <= 0.04
    assert abs(len(played.sound) / 48_000 - 3_068 / 25) < 0.05
    assert TAGS.items() <= played.tags.items()


def test_a_film_whose_writer_is_killed_plays_to_its_last_second(film: Making) -> None:
    film.put(*(tick(index) for index in range(500)))
    film.drain()
    film.child.kill()
    film.end()
    [(seconds, cut)] = film.written
    assert cut == "its process failed"
    assert 18.0 <= seconds <= 20.0
    played = play(film.path)
    assert abs(len(played.codes) / 25 - seconds) < 0.05
    assert max(map(abs, played.skews())) <= 0.04
    assert seconds - len(played.sound) / 48_000 < 0.1


def test_a_film_that_was_never_completed_plays_and_can_be_completed(film: Making, tmp_path: Path) -> None:
    film.put(*(tick(index) for index in range(300)))
    film.has(20_000)
    copy = tmp_path / "left.mp4"
    copy.write_bytes(film.path.read_bytes()[:-1_000])  # the machine lost its power in the middle of a fragment
    before = play(copy)
    assert before.codes
    assert max(map(abs, before.skews())) <= 0.04
    seconds = FilmCompletion().run(FilmOptions(str(copy), f"{copy}.new", None, TAGS))
    after = play(copy)
    assert seconds == pytest.approx(len(after.codes) / 25)
    assert len(after.codes) == len(before.codes)
    assert b"uuid" in copy.read_bytes()[-2_000:]
    assert copy.stat().st_mode & 0o777 == 0o600
    (tmp_path / "nothing.mp4").write_bytes(b"\0" * 100)
    assert FilmCompletion().run(FilmOptions(str(tmp_path / "nothing.mp4"), f"{copy}.new", None, TAGS)) is None


def test_a_film_is_whole_where_the_server_is_killed(tmp_path: Path) -> None:
    """The process that writes it outlives the server by what it has still to write."""
    program = (
        "import sys, time; sys.path[:0] = sys.argv[2].split(':'); from pathlib import Path\n"
        "from media.film.test_film_writing import Making, tick\n"
        "film = Making(Path(sys.argv[1]))\n"
        "film.put(*(tick(index) for index in range(200)))\n"
        "film.drain()\n"
        "print('fed', flush=True); time.sleep(60)\n"
    )
    path = tmp_path / "film.mp4"
    server = subprocess.Popen([sys.executable, "-c", program, str(path), ":".join(sys.path)], stdout=subprocess.PIPE)
    assert server.stdout is not None
    assert server.stdout.readline() == b"fed\n"
    child = psutil.Process(server.pid).children()[0]
    server.send_signal(signal.SIGKILL)
    server.communicate()
    psutil.wait_procs([child], timeout=20)
    assert not child.is_running()
    assert len(play(path).codes) == 200


def test_a_full_disk_ends_the_film_and_it_is_whole(film: Making, monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> None:
        raise DiskFullError("There is no room.")

    monkeypatch.setattr(module, "CHECK_S", 0.0)
    film.put(*(tick(index) for index in range(100)))
    film.drain()
    film.room = full
    film.put(*(tick(index) for index in range(100, 200)))
    assert film.process.join(30)
    [(seconds, cut)] = film.written
    assert cut == "There is no room."
    assert 4.0 <= seconds < 8.0
    assert len(play(film.path).codes) == round(seconds * 25)


SLOW = (
    sys.executable,
    "-c",
    "import sys, time; from livehead.media.film import main, film\n"
    "add = film.Film.add\n"
    "film.Film.add = lambda self, tick: (time.sleep({seconds}), add(self, tick))[1]\n"
    "sys.exit(main.main())",
)


def slow(seconds: float) -> tuple[str, ...]:
    return (*SLOW[:2], SLOW[2].format(seconds=seconds))


def test_an_encoder_that_is_too_slow_costs_pictures_and_no_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 20 * picture(0).i420.nbytes)
    film = Making(tmp_path / "film.mp4", command=slow(0.005))
    for index in range(300):
        film.process.put(tick(index))
    film.end()
    assert film.written == [(12.0, None)]
    assert 100 < film.process.repeated < 290
    played = play(film.path)
    assert len(played.codes) == 300
    assert len(played.heard) == 12


def test_a_file_that_cannot_be_written_any_more_plays_as_far_as_it_goes(tmp_path: Path) -> None:
    limited = (
        "import resource, sys; from livehead.media.film import main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "sys.exit(main.main())"
    )
    film = Making(tmp_path / "film.mp4", command=(sys.executable, "-c", limited))
    film.put(*(tick(index) for index in range(2_000)))
    film.end()
    [(seconds, cut)] = film.written
    assert cut == "its process failed"
    assert 2 < seconds < 80
    assert len(play(film.path).codes) == round(seconds * 25)


def test_an_encoder_that_is_a_minute_behind_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_TICKS", 150)
    film = Making(tmp_path / "film.mp4", command=slow(0.05))
    for index in range(1_000):
        film.process.put(tick(index))
        time.sleep(0.002)
    film.end()
    [(seconds, cut)] = film.written
    assert cut == "the encoder is a minute behind"
    assert seconds < 20


def test_no_file_and_no_encoder_are_told(tmp_path: Path) -> None:
    film = Making(tmp_path / "missing" / "film.mp4")
    film.end()
    [(seconds, cut)] = film.written
    assert seconds == 0
    assert cut is not None
    assert "No such file" in cut
    film = Making(tmp_path / "film.mp4", command=(sys.executable, "-c", "raise SystemExit(3)"))
    film.put(tick(0))
    film.end()
    assert film.written == [(0.0, "its process failed")]


def test_without_a_picture_there_is_no_film(film: Making) -> None:
    film.put(*(tick(index, shown=False) for index in range(10)))
    film.end()
    assert film.written == [(0.0, None)]
    assert film.path.stat().st_size == 0


def test_it_is_marked(tmp_path: Path) -> None:
    films = [Making(tmp_path / f"{mark}.mp4", mark=mark) for mark in (False, True)]
    i420 = np.full((128 * 3 // 2, 128), 128, np.uint8)
    for film in films:
        film.put(*(FilmTick(index, SILENCE, Frame(i420)) for index in range(5)))
        film.end()
    plain, marked = (play(film.path).last.astype(int) for film in films)
    assert np.abs(marked - plain)[70:128, 64:].max() > 60
    assert np.abs(marked - plain)[:70].max() < 10


def test_a_transparent_portrait_is_put_on_grey() -> None:
    i420 = np.full((192, 64), 128, np.uint8)
    i420[:64], i420[64:128] = 200, 16
    i420[64:128, 32:] = 235
    frame = on_grey(Frame(i420))
    assert (frame.width, frame.height) == (64, 64)
    assert (frame.i420[:64, :32] == 126).all()
    assert (frame.i420[:64, 32:] == 200).all()
    assert (frame.i420[64:] == 128).all()


def test_calls_go_first(film: Making) -> None:
    film.put(*(tick(index) for index in range(60)))
    film.has(1)
    assert film.child.nice() == os.nice(0) + 10
