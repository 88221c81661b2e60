"""Calls of the client to a real server: what comes is in step, and what is said is told as shown."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import numpy as np
import pytest
import pytest_asyncio

from api.conftest import FAKE
from backend import tone
from ears import place, speech
from livehead.client import AvatarActivity, Call, ConnectionLost, Livehead, UserActivity
from livehead.client.call import call as call_module
from livehead.client.call.call import Picture
from livehead.client.call.pairing import Sound
from livehead.client.call.peer import CallPeer
from livehead.client.errors import NotFound, ProtocolError, Unprocessable
from livehead.core import test_pattern as probe
from serving import Served, serving
from waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served() -> AsyncIterator[Served]:
    async with serving(FAKE, max_sessions=2) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def server(served: Served) -> AsyncIterator[Livehead]:
    async with Livehead(served.url) as server:
        yield server
    await served.settled()


@contextlib.asynccontextmanager
async def watched(call: Call) -> AsyncIterator[list[tuple[Picture, Sound]]]:
    """Everything that comes."""
    pairs: list[tuple[Picture, Sound]] = []

    async def watch() -> None:
        async for pair in call.media():
            pairs.append(pair)

    task = asyncio.create_task(watch())
    try:
        yield pairs
    finally:
        task.cancel()
        await asyncio.wait([task])


def loud(sound: Sound) -> bool:
    """Whether most of it is the tone: the codec adds 6.5 ms, so a little of it runs over into the next 40."""
    return bool(np.sqrt(np.mean(sound.astype(np.float64) ** 2)) > 5500)


async def test_each_picture_comes_with_its_own_sound(server: Livehead) -> None:
    """The picture's test code tells how loud its block is: so must the sound be that came with it."""
    bursts = b"".join(tone(0.2) + bytes(9600) for _ in range(10))
    async with server.call(probe=True) as call, watched(call) as pairs:
        playback = await call.speak(bursts)
        assert not (await playback.finished()).interrupted
        await until(lambda: len(pairs) > 100)
    picture, sound = pairs[0]
    assert (picture.shape, picture.dtype) == ((64, 64, 3), np.uint8)
    assert (sound.shape, sound.dtype) == ((1920,), np.int16)
    codes = [probe.read(picture[:, :, 1]) for picture, _ in pairs]
    assert sum(code is not None for code in codes) > 0.9 * len(pairs)
    # a picture that came too late is not shown: the one before is, with the next sound
    fresh = [
        (code.loudness >= 8, loud(sound))
        for before, code, (_, sound) in zip([None, *codes], codes, pairs, strict=False)
        if code is not None and (before is None or code.k != before.k)
    ]
    assert sum(shown for shown, _ in fresh) >= 40
    assert sum(shown != heard for shown, heard in fresh) <= 3  # of 20 edges


async def test_what_was_read_counts_as_shown(server: Livehead) -> None:
    async with server.call() as call, watched(call):
        whole = await (await call.speak(tone(1))).finished()
        assert (whole.reason, whole.spoken_ms) == ("finished", 1000)
        assert whole.shown_ms is not None
        assert 500 <= whole.shown_ms <= 1000
        cut = await call.speak(tone(5))
        await cut.started()
        await asyncio.sleep(0.8)
        await call.interrupt()
        result = await cut.finished()
        assert result.shown_ms is not None
        assert 0 < result.shown_ms <= result.spoken_ms < 2000


async def test_who_speaks_is_told_once(server: Livehead) -> None:
    async with server.call() as call:
        events = call.events
        await (await call.speak(tone(0.2))).finished()
        told = [await asyncio.wait_for(anext(events), 5) for _ in range(2)]
        assert [type(each) for each in told] == [AvatarActivity] * 2
        assert [each.state for each in told] == ["speaking", "silent"]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(events), 0.5)


async def test_a_microphone_drives_the_portrait(server: Livehead) -> None:
    async with server.call(source="mic", probe=True) as call, watched(call) as pairs:
        await call.talk(tone(1.0, rate=16_000), rate=16_000)
        await until(lambda: sum(loud(sound) for _, sound in pairs) >= 20)
        codes = [probe.read(picture[:, :, 1]) for picture, _ in pairs]
        assert sum(code is not None and code.loudness >= 8 for code in codes) >= 15
        with pytest.raises(Unprocessable, match="microphone"):
            await call.speak(tone(0.1))


async def test_the_user_of_a_call_is_heard_by_its_backend(server: Livehead) -> None:
    said = speech()[: 2 * 16_000]
    heard = bytearray()
    async with server.call(microphone=True) as call:
        events = call.events

        async def hear() -> None:
            async for chunk in call.hearing(rate=16_000):
                heard.extend(chunk)

        hearing = asyncio.create_task(hear())
        await until(lambda: len(heard) > 3200)
        await call.talk(said, rate=16_000)
        told = await asyncio.wait_for(anext(events), 5)
        assert isinstance(told, UserActivity)
        await asyncio.sleep(1)
        pcm = np.frombuffer(bytes(heard), "<i2").astype(np.float32) / 32767
        assert place(pcm, said)[1] > 0.8
    await asyncio.wait_for(asyncio.wait([hearing]), 5)


async def test_a_call_without_a_microphone_says_so(server: Livehead) -> None:
    call = server.call()
    with pytest.raises(RuntimeError, match="not open"):
        await anext(call.media())
    async with call:
        with pytest.raises(RuntimeError, match="no microphone"):
            await call.talk(tone(0.1))


async def test_a_second_reader_is_refused(server: Livehead) -> None:
    async with server.call() as call:
        media = call.media()
        await anext(media)
        with pytest.raises(RuntimeError, match="read already"):
            await anext(call.media())
        await media.aclose()
        await anext(call.media())


async def test_the_media_end_with_the_session(served: Served, server: Livehead) -> None:
    async with server.call() as call:
        events = call.events
        reading = asyncio.create_task(read_all(call))
        await asyncio.sleep(0.3)
        served.session(call.id).end("deleted")
        assert await asyncio.wait_for(reading, 10) > 1
        assert [event async for event in events] == []
    await call.close()


async def read_all(call: Call) -> int:
    return len([pair async for pair in call.media()])


async def test_hanging_up_ends_the_session_and_may_be_done_twice(served: Served, server: Livehead) -> None:
    call = server.call()
    await call.open()
    assert served.services.registry.active == 1
    reading = asyncio.create_task(read_all(call))
    await asyncio.sleep(0.2)
    await call.close()
    await call.close()
    await asyncio.wait_for(reading, 5)
    await served.settled()


async def test_a_call_that_is_refused_leaves_nothing(served: Served, server: Livehead) -> None:
    with pytest.raises(NotFound):
        await server.call(avatar="nobody").open()
    await served.settled()


async def test_without_pictures_the_call_fails_and_leaves_nothing(
    served: Served, server: Livehead, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_module, "CONNECT_S", 0.01)
    with pytest.raises(ConnectionLost, match="UDP"):
        await server.call().open()
    await served.settled()


async def test_an_answer_that_is_none_is_told(
    served: Served, server: Livehead, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept = CallPeer.accept
    monkeypatch.setattr(CallPeer, "accept", lambda peer, _: accept(peer, "v=0\r\no=nonsense"))
    with pytest.raises(ProtocolError, match="no SDP answer"):
        await server.call().open()
    await served.settled()


@pytest.mark.soak
async def test_a_slow_reader_goes_on_with_what_there_is_now(server: Livehead) -> None:
    async with server.call(probe=True) as call:
        media = call.media()
        await anext(media)
        await asyncio.sleep(3.5)
        codes = [probe.read((await anext(media))[0][:, :, 1]) for _ in range(30)]
        seen = [code.k for code in codes if code]
        assert seen == sorted(seen)
        assert seen[-1] - seen[0] < 60
