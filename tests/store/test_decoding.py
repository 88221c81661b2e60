"""The processes that decode pictures: what they may take, what is told when one takes more, and that none is left."""

from __future__ import annotations

import asyncio
import logging
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

import pictures
from livehead.core.portrait_check import Crop
from livehead.errors import PortraitError, TooLargeError, UnavailableError, UnsupportedTypeError
from livehead.store.portraits import decoding
from livehead.store.portraits.confinement import DESCRIPTORS, MAX_OUTPUT, MEMORY
from livehead.store.portraits.decoding import PROGRAM, DecoderError, PortraitDecoder
from livehead.store.portraits.preparation import MAX_THUMBNAIL
from waiting import until

JPEG = b"\xff\xd8\xff"


def program(source: str) -> tuple[str, ...]:
    return (sys.executable, "-c", textwrap.dedent(source))


@asynccontextmanager
async def decoder(source: str | None = None, **given: int) -> AsyncIterator[PortraitDecoder]:
    opened = PortraitDecoder(PROGRAM if source is None else program(source), **given)
    try:
        yield opened
    finally:
        await opened.close()
        assert await asyncio.to_thread(children) == []


def children() -> list[psutil.Process]:
    """The decoders there are, dead ones that nobody waited for among them. Others of this process are other tests'."""
    return [each for each in psutil.Process().children() if each not in OTHERS]


OTHERS: list[psutil.Process] = []


@pytest.fixture(autouse=True)
def _note_others() -> None:
    OTHERS[:] = psutil.Process().children()


async def test_a_picture_becomes_a_portrait() -> None:
    async with decoder() as opened:
        portrait = await opened.prepare(pictures.face_file("JPEG", 800), Crop(100, 60, 600))
    assert (portrait.side, portrait.crop) == (600, Crop(100, 60, 600))
    assert pictures.pixels_of(portrait.image).shape == (600, 600, 3)
    assert pictures.pixels_of(portrait.thumbnail).shape == (160, 160, 3)
    assert len(portrait.thumbnail) <= MAX_THUMBNAIL
    assert portrait.check.score > 0.5


async def test_the_same_picture_has_the_same_digest_however_it_is_written() -> None:
    async with decoder() as opened:
        plain, other = await asyncio.gather(
            opened.prepare(pictures.face_file("PNG", 256)),
            opened.prepare(pictures.polyglots()["png and html"]),
        )
    assert plain.digest == other.digest
    assert plain.image == other.image
    assert b"script" not in other.image


async def test_a_refusal_comes_with_its_own_words() -> None:
    async with decoder() as opened:
        with pytest.raises(TooLargeError, match="million pixels"):
            await opened.inspect(pictures.bomb(50_000, 50_000))
        with pytest.raises(PortraitError, match="no face") as refusal:
            await opened.prepare(pictures.encoded(pictures.wall()))
        assert refusal.value.problem == "no-face"


async def test_what_is_no_picture_starts_no_process() -> None:
    async with decoder("raise SystemExit(1)") as opened:
        with pytest.raises(UnsupportedTypeError):
            await opened.inspect(pictures.SVG)


async def test_a_process_that_takes_too_long_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "SECONDS", 0.3)
    async with decoder("import time; time.sleep(60)") as opened:
        with pytest.raises(PortraitError, match="cannot be decoded within"):
            await opened.inspect(JPEG)


async def test_a_process_that_crashes_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    async with decoder("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)") as opened:
        with pytest.raises(PortraitError):
            await opened.inspect(JPEG)
    assert "SIGSEGV" in caplog.text


@pytest.mark.parametrize(
    "source",
    [
        "raise ValueError('why')",
        "print('no JSON')",
        "print('{}')",
        """print('{"check":{"score":1,"reasons":[]},"image":5,"thumbnail":5}')""",
        """print('{"check":{"score":7,"reasons":[]}}')""",
    ],
    ids=["an exception", "no JSON", "no result", "no files", "an impossible score"],
)
async def test_a_fault_of_ours_is_no_fault_of_the_picture(source: str, caplog: pytest.LogCaptureFixture) -> None:
    async with decoder(source) as opened:
        with pytest.raises(DecoderError, match="log has the details"):
            await opened.inspect(JPEG)
    assert any(record.levelno == logging.ERROR for record in caplog.records)


def may_leave_the_network() -> bool:
    """Whether the system lets an ordinary user have a network of its own; some distributions do not."""
    attempt = "import ctypes; raise SystemExit(ctypes.CDLL(None).unshare(0x50000000) != 0)"
    return subprocess.run([sys.executable, "-c", attempt], check=False).returncode == 0


async def test_limits_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a decoder that was taken over would find."""
    alone = await asyncio.to_thread(may_leave_the_network)
    listener = socket.create_server(("127.0.0.1", 0))
    monkeypatch.setenv("LIVEHEAD_SECRET_OF_A_TEST", "1")
    source = f"""
        import json, os, signal, socket
        from livehead.store.portraits.confinement import confine

        def network():
            with socket.socket() as opened:
                opened.connect(("127.0.0.1", {listener.getsockname()[1]}))

        def files():
            for _ in range({DESCRIPTORS}):
                os.open("/dev/null", os.O_RDONLY)

        def output():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            os.pwrite(1, b"x", {MAX_OUTPUT})

        def memory():
            bytearray({MEMORY})

        def environment():
            if not any("SECRET" in name for name in os.environ):
                raise OSError

        confine()
        allowed = []
        for each in (network, files, output, memory, environment):
            try:
                each()
                allowed.append(each.__name__)
            except (OSError, MemoryError):
                pass
        print(json.dumps({{"refusal": {{"kind": "PortraitError", "problem": "", "detail": f"allowed: {{allowed}}"}}}}))
    """
    with listener:
        async with decoder(source) as opened:
            with pytest.raises(PortraitError) as told:
                await opened.inspect(JPEG)
    assert str(told.value) == f"allowed: {[] if alone else ['network']}"


async def test_more_than_can_wait_are_refused(tmp_path: Path) -> None:
    go = tmp_path / "go"
    source = f"""
        import os, time
        while not os.path.exists({str(go)!r}):
            time.sleep(0.02)
        print('{{"check":{{"score":1,"reasons":[]}}}}')
    """
    async with decoder(source, at_once=2, waiting=1) as opened:
        taken = [asyncio.create_task(opened.inspect(JPEG)) for _ in range(3)]
        await until(lambda: len(children()) == 2, 10.0)
        with pytest.raises(UnavailableError) as refusal:
            await opened.inspect(JPEG)
        assert refusal.value.retry_after is not None
        go.touch()
        await asyncio.gather(*taken)
        await asyncio.sleep(0)
        await opened.inspect(JPEG)  # the places are free again


async def test_a_place_is_taken_until_the_process_has_ended() -> None:
    async with decoder("import time; time.sleep(60)", at_once=1, waiting=0) as opened:
        given_up = asyncio.create_task(opened.inspect(JPEG))
        await until(lambda: len(children()) == 1, 10.0)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        with pytest.raises(UnavailableError):
            await opened.inspect(JPEG)


async def test_the_end_of_the_server_ends_them() -> None:
    opened = PortraitDecoder(program("import time; time.sleep(60)"))
    waiting = asyncio.create_task(opened.inspect(JPEG))
    await until(lambda: len(children()) == 1, 10.0)
    began = time.monotonic()
    await opened.close()
    await opened.close()
    with pytest.raises(UnavailableError):
        await waiting
    with pytest.raises(UnavailableError):
        await opened.inspect(JPEG)
    assert time.monotonic() - began < 5
    assert await asyncio.to_thread(children) == []
