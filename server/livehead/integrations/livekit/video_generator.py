"""A portrait as LiveKit's VideoGenerator: the agent's speech in, pictures and sound out, in step."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import numpy as np
from livekit import rtc
from livekit.agents.voice import avatar

from livehead.client import ClientError, Playback
from livehead.client.call.call import Call
from livehead.integrations.livekit.backlog import Backlog
from livehead.integrations.livekit.feed import Feed
from livehead.integrations.livekit.segment import Samples, Segment, SegmentPlayback
from livehead.integrations.livekit.segment_sequence import SegmentSequence, Taken

logger = logging.getLogger(__name__)

SOUND_RATE = 48_000
"""Samples a second of the sound that comes out, mono."""

INTERRUPT_S = 1.0
"""So long the server may take, once it has interrupted, to tell how much of a segment it has spoken."""

BEHIND_S = 0.12
"""Where the reader is further behind the call, pictures of a portrait that does not speak are left out until it is not,
so that what is said next is not late."""

Item = rtc.VideoFrame | rtc.AudioFrame | avatar.AudioSegmentEnd


class VideoGenerator(avatar.VideoGenerator):
    """For livekit-agents' ``AvatarRunner``, over a call that was opened with ``source="push"``.

    Pictures come all the time, RGB24 at 25 fps; sound comes while a segment is spoken, mono int16 at 48 kHz, 40 ms
    after its picture. With ``continuous`` there is silence in between, so that the runner's queues of both are filled
    alike; then its count of what was played is of no use, and :attr:`on_playback` is to be taken instead.

    Every segment is told to :attr:`on_playback` as ``started`` when its first sound comes out and, once, as
    ``finished`` or ``interrupted``, with the seconds of it that came out.
    """

    def __init__(self, call: Call, *, continuous: bool = False) -> None:
        self.on_playback: Callable[[SegmentPlayback], None] | None = None
        self._call = call
        self._continuous = continuous
        self._sequence = SegmentSequence()
        self._open: tuple[Segment, Feed, int] | None = None  # the segment that is pushed, and its rate
        self._watchers: dict[Segment, asyncio.Task[None]] = {}
        self._feeds: dict[Segment, Feed] = {}
        self._order = asyncio.Lock()  # utterances and interrupts reach the server in the order they came here
        self._flowing = False  # whether somebody takes what comes out
        self._news = asyncio.Event()
        self._over = False

    async def push_audio(self, frame: rtc.AudioFrame | avatar.AudioSegmentEnd) -> None:
        """Samples of the present segment, 8000 to 48000 Hz, or its end. Waits while 10 seconds wait for the server, and
        until the first picture was taken: where the runner waits for a subscriber, nothing is spoken to nobody.

        Raises ``ValueError`` for a frame of another rate than that of the segment's first.
        """
        if isinstance(frame, avatar.AudioSegmentEnd):
            await self._end_segment()
            return
        if self._open is None:
            await self._begin_segment(frame.sample_rate)
        if self._open is None:  # it was cleared meanwhile
            return
        segment, feed, rate = self._open
        if frame.sample_rate != rate:
            raise ValueError(f"a segment has one rate: this began with {rate} Hz, and goes on with {frame.sample_rate}")
        pcm = _mono(frame)
        segment.push(pcm, rate)
        await feed.put(pcm.astype("<i2").tobytes())

    def clear_buffer(self) -> Coroutine[Any, Any, None] | None:
        """Silence the portrait. From this call on nothing comes out of what was pushed before; what it returns is to be
        awaited: it ends when the server has told how much was spoken, or does not answer."""
        dropped = self._drop()
        return self._interrupt(dropped) if dropped else None

    def __aiter__(self) -> AsyncIterator[Item]:
        return self._items()

    async def aclose(self) -> None:
        """End what is still spoken. The call is left to whoever opened it."""
        self._fail()
        watchers = list(self._watchers.values())
        for watcher in watchers:
            watcher.cancel()
        if watchers:
            await asyncio.wait(watchers)

    async def _begin_segment(self, rate: int) -> None:
        segment, feed = Segment(), Feed()
        self._open = segment, feed, rate
        self._feeds[segment] = feed
        self._sequence.append(segment)
        if self._over:
            self._fail()
            self._open = segment, feed, rate  # the rest of it is dropped, too
            return
        while not self._flowing and not segment.cleared:
            self._news.clear()
            await self._news.wait()
        try:
            async with self._order:
                if segment.cleared:
                    return
                playback = await self._call.speak(feed, rate=rate)
        except ClientError as error:
            self._fail(error)
            return
        self._watchers[segment] = asyncio.create_task(self._watch(segment, playback))

    async def _end_segment(self) -> None:
        if self._open is None:
            return
        segment, feed, _ = self._open
        self._open = None
        segment.complete = True
        await feed.end()

    async def _watch(self, segment: Segment, playback: Playback) -> None:
        """Learn when it starts and how it ends."""
        try:
            await playback.started()
            segment.started = True
            segment.settle(await playback.finished())
        finally:
            del self._watchers[segment]
            self._close(segment)

    async def _interrupt(self, dropped: list[Segment]) -> None:
        try:
            async with self._order:
                await self._call.interrupt()
        except ClientError as error:
            self._fail(error)
        waiting = [self._watchers[segment] for segment in dropped if segment in self._watchers]
        if waiting:
            await asyncio.wait(waiting, timeout=INTERRUPT_S)
        for segment in dropped:
            self._tell(segment)

    async def _items(self) -> AsyncIterator[Item]:
        loop = asyncio.get_running_loop()
        backlog, wanted = Backlog(), False
        try:
            async with contextlib.aclosing(self._call.media()) as media:
                while True:
                    asked = loop.time()
                    picture, sound = await anext(media)
                    behind = backlog.took(asked, loop.time()) > BEHIND_S
                    if wanted and not behind:
                        self._flow()
                    taken = self._sequence.take(sound)
                    if taken.picture and (taken.sound or not behind):
                        height, width = picture.shape[:2]
                        yield rtc.VideoFrame(width, height, rtc.VideoBufferType.RGB24, picture.tobytes())
                        wanted = True
                        if self._continuous and not taken.sound:
                            yield rtc.AudioFrame.create(SOUND_RATE, 1, len(sound))
                    for item in self._heard(taken, sound):
                        yield item
        except StopAsyncIteration:
            self._fail()
        except ClientError as error:
            self._fail(error)

    def _heard(self, taken: Taken, sound: Samples) -> list[rtc.AudioFrame | avatar.AudioSegmentEnd]:
        items: list[rtc.AudioFrame | avatar.AudioSegmentEnd] = []
        if taken.began is not None:
            self._report(SegmentPlayback("started"))
        if taken.sound:
            items.append(rtc.AudioFrame(sound.tobytes(), SOUND_RATE, 1, len(sound)))
        for segment in taken.ended:
            self._tell(segment)
            items.append(avatar.AudioSegmentEnd())
        return items

    def _flow(self) -> None:
        self._flowing = True
        self._news.set()

    def _drop(self) -> list[Segment]:
        """End all that has not come out."""
        dropped = self._sequence.clear()
        self._open = None
        for segment in dropped:
            self._close(segment)
        self._news.set()
        return dropped

    def _close(self, segment: Segment) -> None:
        feed = self._feeds.pop(segment, None)
        if feed is not None:
            feed.close()

    def _fail(self, error: ClientError | None = None) -> None:
        """The call is over, and with it all segments."""
        if error is not None and not self._over:
            logger.error("the call with the portrait has ended, and the agent is not heard any more: %s", error)
        self._over = True
        for segment in self._drop():
            self._tell(segment)

    def _tell(self, segment: Segment) -> None:
        self._report(SegmentPlayback("interrupted" if segment.interrupted else "finished", segment.position))

    def _report(self, playback: SegmentPlayback) -> None:
        if self.on_playback is not None:
            self.on_playback(playback)


def _mono(frame: rtc.AudioFrame) -> Samples:
    samples: Samples = np.frombuffer(frame.data, np.int16)
    if frame.num_channels == 1:
        return samples
    mixed: Samples = np.rint(samples.reshape(-1, frame.num_channels).mean(axis=1)).astype(np.int16)
    return mixed
