"""What a session was asked to say, one after the other."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Protocol

from livehead.core.messages.from_server import Playback
from livehead.errors import ConflictError, NotFoundError, RateLimitError, RequestError
from livehead.logs import SessionLog
from livehead.metrics import Metrics
from livehead.sessions.sources.speaker import Speaker

CAPACITY = 8
"""Texts that may wait, besides the one that is being said."""

RETRY_S = 5.0


class Speech(Protocol):
    """The speech of one text: PCM16LE mono at ``rate`` Hz, whole samples."""

    rate: int

    def pieces(self) -> AsyncGenerator[bytes, None]:
        """Closing it ends the synthesis. Raises RequestError where that fails."""


class _Saying:
    """``begun`` is done when the first audio has come, or with why it will not."""

    def __init__(self, speech: Speech) -> None:
        self.speech = speech
        self.asked_at = time.monotonic()
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def fail(self, error: Exception) -> None:
        if not self.begun.done():
            self.begun.set_exception(error)
            self.begun.exception()  # it is no fault if nobody waits for it any more


class SayQueue:
    """One session's. Of what it is asked to say, one text is synthesized at a time, and pushed as a backend would push
    it: it waits where the speech queue is full. ``admit`` makes a speaker as :meth:`Session.admit` does; between texts
    another may speak.
    """

    def __init__(
        self,
        admit: Callable[[int, Callable[[Playback], None]], Speaker],
        metrics: Metrics,
        log: SessionLog,
    ) -> None:
        self._admit = admit
        self._metrics = metrics
        self._log = log
        self._waiting: deque[_Saying] = deque()
        self._asked = asyncio.Event()
        self._current: tuple[_Saying, asyncio.Task[None]] | None = None
        self._ended = False

    async def say(self, speech: Speech) -> None:
        """Returns when its first audio has come.

        Raises RateLimitError where too many wait, ConflictError where a backend speaks or there was an interrupt
        before it had begun, NotFoundError where the session ends, and what the synthesis raises.
        """
        if self._ended:
            raise _ended()
        if len(self._waiting) >= CAPACITY:
            raise RateLimitError(
                f"{CAPACITY} texts wait to be said already. Try again when some have been, or interrupt.",
                retry_after=RETRY_S,
            )
        saying = _Saying(speech)
        self._waiting.append(saying)
        self._asked.set()
        await saying.begun

    def interrupt(self) -> None:
        """End the synthesis that runs and forget the texts that wait. What has been pushed is for others to drop."""
        error = ConflictError("There was an interrupt before this was said.", problem="interrupted")
        while self._waiting:
            self._waiting.popleft().fail(error)
            self._metrics.says.labels("interrupted").inc()
        if self._current is not None:
            saying, task = self._current
            saying.fail(error)
            task.cancel()

    async def run(self) -> None:
        """Say what is asked for, until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    while not self._waiting:
                        self._asked.clear()
                        await self._asked.wait()
                    saying = self._waiting.popleft()
                    task = group.create_task(self._say(saying))
                    self._current = saying, task
                    await asyncio.wait([task])
                    self._current = None
        finally:
            self._ended = True
            for saying in (*self._waiting, *([self._current[0]] if self._current else [])):
                saying.fail(_ended())
            self._waiting.clear()

    async def _say(self, saying: _Saying) -> None:
        outcome = "failed"
        try:
            speaker = self._admit(saying.speech.rate, lambda _: None)
            try:
                await self._speak(saying, speaker)
            finally:
                speaker.release()
            outcome = "said"
        except asyncio.CancelledError:
            outcome = "interrupted"
            raise
        except RequestError as error:
            if saying.begun.done():
                self._log.warning("what it says broke off: %s", error)
            saying.fail(error)
        except Exception as error:  # noqa: BLE001 - a text that cannot be said must not end the session
            self._log.exception("a text could not be said")
            saying.fail(error)
        finally:
            self._metrics.says.labels(outcome).inc()

    async def _speak(self, saying: _Saying, speaker: Speaker) -> None:
        async with aclosing(saying.speech.pieces()) as pieces:
            async for piece in pieces:
                if not saying.begun.done():
                    self._metrics.say_delay.observe(time.monotonic() - saying.asked_at)
                    saying.begun.set_result(None)
                await speaker.hear(piece)
        await speaker.end()


def _ended() -> NotFoundError:
    return NotFoundError("The session has ended.")
