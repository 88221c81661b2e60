"""Everything that is said in one session: utterances queue here and leave in order, each pulled as it is sent."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable

from livehead.client.errors import ClientError, ConnectionLost, SessionEnded
from livehead.client.events import Events
from livehead.client.speech.playback import Playback, Reason
from livehead.client.speech.samples import Speech, pieces
from livehead.client.speech.speech_socket import SpeechSocket
from livehead.client.speech.utterances import Utterance
from livehead.client.transport.http import Http
from livehead.core.messages.from_server import AvatarActivity
from livehead.core.messages.from_server import Playback as PlaybackMessage

PIECE_S = 0.2
"""Longer pieces are sent in parts."""

WAITING = 64
"""Utterances that may wait to be sent; :meth:`SpeechLine.speak` waits while there are so many."""

RATES = range(8_000, 48_001)

logger = logging.getLogger(__name__)


class SpeechLine:
    """``on_over`` is called once it is known that the session has ended."""

    def __init__(self, http: Http, session: str, events: Events, on_over: Callable[[], None]) -> None:
        self._events = events
        self._on_over = on_over
        self._socket = SpeechSocket(http, session, self._on_message, self._on_lost, self.end)
        self._waiting: deque[Utterance] = deque()
        self._current: Utterance | None = None
        self._sending: asyncio.Task[None] | None = None
        self._writer: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._speaking = False
        self._k = 0
        self._over = False

    async def speak(self, speech: Speech, rate: int) -> Playback:
        """See :meth:`~livehead.client.session.Session.speak`."""
        if rate not in RATES:
            raise ValueError(f"a rate of {rate} Hz is not possible; send {RATES[0]} to {RATES[-1]} Hz")
        samples = pieces(speech, rate, PIECE_S)
        while len(self._waiting) >= WAITING:
            await self._wait_for_news()
        self._check()
        if self._current is None and not self._waiting:
            await self._socket.open(rate)  # so that a refusal is told here
            self._check()
        utterance = Utterance(Playback(), samples, rate)
        self._waiting.append(utterance)
        self._news.set()
        if self._writer is None:
            self._writer = asyncio.create_task(self._write(), name="speech-write")
        return utterance.playback

    async def interrupt(self) -> None:
        """See :meth:`~livehead.client.session.Session.interrupt`."""
        self._check()
        self._drop("interrupted")
        await self._socket.interrupt()

    @contextlib.asynccontextmanager
    async def released(self) -> AsyncIterator[None]:
        """Everything that was to be said has been, and meanwhile somebody else may speak through the session."""
        self._check()
        while self._waiting or self._current is not None:
            await self._wait_for_news()
        async with self._socket.released():
            yield

    def end(self) -> None:
        """The session is over: nothing more can be said. Twice is once."""
        if not self._over:
            self._over = True
            self._drop("session-ended")
            self._on_over()

    async def close(self) -> None:
        """Twice is once."""
        self.end()
        self._socket.utterances.lose("session-ended")
        tasks = [task for task in (self._writer, self._sending) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._socket.close()

    def _check(self) -> None:
        if self._over:
            raise SessionEnded("The session has ended: open another one.")

    async def _wait_for_news(self) -> None:
        self._news.clear()
        await self._news.wait()

    async def _write(self) -> None:
        while True:
            while not self._waiting:
                await self._wait_for_news()
            self._current = self._waiting.popleft()
            self._news.set()
            self._sending = asyncio.create_task(self._send(self._current), name="speech-send")
            await asyncio.wait([self._sending])
            self._sending = self._current = None
            self._news.set()

    async def _send(self, utterance: Utterance) -> None:
        try:
            async for data in utterance.samples:
                await self._socket.send(utterance, data)
            if utterance.number is None:
                utterance.end("finished")  # there was nothing in it
            else:
                await self._socket.end()
        except SessionEnded:
            utterance.end("session-ended")
            self.end()
        except ConnectionLost:
            if utterance.number is None:  # else the socket has told
                utterance.end("connection-lost")
        except ClientError as error:
            utterance.playback.fail(error)
        except Exception as error:  # noqa: BLE001 - of the iterator; whoever waits for the playback is told
            utterance.playback.fail(error)
            if utterance.number is not None:  # what came before is spoken
                with contextlib.suppress(ConnectionLost):
                    await self._socket.end()
        finally:
            await utterance.samples.aclose()

    def _drop(self, reason: Reason) -> None:
        """Nothing is sent any more of what was to be said."""
        while self._waiting:
            self._waiting.popleft().end(reason)
        self._news.set()
        current, sending = self._current, self._sending
        if current is not None and sending is not None:
            sending.cancel()
            if current.number is None:
                current.end(reason)

    def _on_message(self, message: PlaybackMessage, uncalled: bool) -> None:
        if uncalled:
            self._drop("interrupted")
        self._k = message.k
        if message.state == "started":
            self._tell(True)
        elif not self._socket.utterances:
            self._tell(False)

    def _on_lost(self) -> None:
        if self._current is not None and self._current.number is not None and self._sending is not None:
            self._sending.cancel()
        self._tell(False)

    def _tell(self, speaking: bool) -> None:
        if speaking != self._speaking:
            self._speaking = speaking
            self._events.put(AvatarActivity("speaking" if speaking else "silent", self._k))
