"""A session on the server, as a backend has it: a mouth and ears."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable
from types import TracebackType
from typing import Any, Self

from pydantic import TypeAdapter

from livehead.client.errors import NotFound
from livehead.client.events import Events, EventStream
from livehead.client.hearing import Hearing
from livehead.client.speech.playback import Playback
from livehead.client.speech.samples import Speech
from livehead.client.speech.speech_line import SpeechLine
from livehead.client.transport.http import Http

_OBJECT: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])

SAY_S = 60.0
"""How long the server's own speech synthesis may take to begin."""


class Session:
    """A session that somebody else opened, as a page does, and tells the id of. Leaving the block does not end it.

    All methods raise :class:`~livehead.client.errors.ClientError`: what the server refuses is a
    :class:`~livehead.client.errors.ProblemError`, a session that is over
    :class:`~livehead.client.errors.SessionEnded`. Use it on one event loop; methods may be called by several tasks.
    """

    def __init__(self, http: Http, session_id: str = "") -> None:
        self._http = http
        self._id = session_id
        self._events = Events()
        self._speech: SpeechLine | None = None
        self._hearing: Hearing | None = None

    @property
    def id(self) -> str:
        """Names the session on the server. Raises RuntimeError before it is open."""
        if not self._id:
            raise RuntimeError("the session is not open: use `async with`, or await its open()")
        return self._id

    async def open(self) -> Self:
        self._begin(self._events)
        return self

    async def close(self) -> None:
        """Speech that is not spoken ends as interrupted. May be called twice."""
        self._end()
        if self._hearing is not None:
            await self._hearing.close()
        if self._speech is not None:
            await self._speech.close()

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def speak(self, speech: Speech, rate: int = 24_000) -> Playback:
        """Speak one utterance: PCM16LE mono of ``rate`` Hz (8000 to 48000) as bytes, a NumPy array ``(n,)`` of int16
        or of float32 in [-1, 1], or an iterator or asynchronous iterator over those.

        Returns as soon as it has its place behind what was given before; its samples are taken from the iterator as
        fast as the server takes them, up to 45 s ahead of what is spoken. Utterances at one rate follow one another
        without a gap; another rate waits until the others have ended. At most 64 wait; then this waits.
        """
        return await self._mouth.speak(speech, rate)

    async def interrupt(self) -> None:
        """Drop everything that is not spoken yet, here and on the server, and wait until the portrait is silent: then
        every :class:`Playback` given out so far has its result."""
        await self._mouth.interrupt()

    def hearing(self, rate: int = 16_000) -> AsyncGenerator[bytes]:
        """The user's microphone in real time, PCM16LE mono of ``rate`` Hz, until the session ends. A slow reader
        loses the oldest sound past 5 s. One reader at a time: RuntimeError for a second."""
        return self._ears.chunks(rate)

    @property
    def events(self) -> EventStream:
        """Who speaks from now on: :class:`UserActivity` and :class:`AvatarActivity`, until the session ends. Each
        call gives a stream of its own; one that is not read loses the oldest past 256."""
        self._ears.watch()
        return self._events.subscribe()

    async def say(self, text: str, voice: str | None = None) -> None:
        """Speak ``text`` with the server's own speech synthesis, behind what was given to :meth:`speak`; returns when
        it begins. What is given to :meth:`speak` meanwhile waits until the text is synthesized.

        Raises NotImplementedHere where the server has no synthesis, and Conflict where there was an interrupt first.
        """
        body = {"text": text} | ({"voice": voice} if voice is not None else {})
        async with self._mouth.released():
            await self._http.request("POST", f"/v1/sessions/{self.id}/say", json=body, within=SAY_S)

    async def stats(self) -> dict[str, Any]:
        """The session's state and latest figures, as ``GET /v1/sessions/{id}`` has them."""
        return await self._http.read(_OBJECT, "GET", f"/v1/sessions/{self.id}")

    @property
    def _mouth(self) -> SpeechLine:
        if self._speech is None:
            raise RuntimeError("the session is not open: use `async with`, or await its open()")
        return self._speech

    @property
    def _ears(self) -> Hearing:
        if self._hearing is None:
            raise RuntimeError("the session is not open: use `async with`, or await its open()")
        return self._hearing

    def _begin(self, events: Events, on_over: Callable[[], None] | None = None) -> None:
        """The id is known. ``events`` take what the sockets tell, and ``on_over`` is called where they find that the
        session is over; by default it ends here, too."""
        if self._speech is None:
            self._speech = SpeechLine(self._http, self.id, events, on_over or self._end)
            self._hearing = Hearing(self._http, self.id, events, on_over or self._end)

    def _end(self) -> None:
        """The session is over, or closed here. Twice is once."""
        self._events.end()
        if self._speech is not None:
            self._speech.end()
        if self._hearing is not None:
            self._hearing.end()

    async def _delete(self) -> None:
        with contextlib.suppress(NotFound):  # it has ended by itself
            await self._http.request("DELETE", f"/v1/sessions/{self.id}")
