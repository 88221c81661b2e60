"""A session with a peer of its own: pictures and sound come to this program instead of a browser."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Coroutine, Mapping
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from livehead.client.call.leg import Leg, close_quietly
from livehead.client.call.microphone import Microphone
from livehead.client.call.pairing import Sound
from livehead.client.errors import ClientError, ConnectionLost, ProblemError, SessionEnded
from livehead.client.events import CallState, CallStateName, Events, EventStream
from livehead.client.session import Session
from livehead.client.speech.playback import Playback
from livehead.client.speech.samples import Speech
from livehead.client.transport.back_off import BackOff
from livehead.client.transport.http import Http
from livehead.core.messages.from_client import Shown
from livehead.core.messages.from_server import encode

Picture: TypeAlias = NDArray[np.uint8]
"""``(height, width, 3)``, RGB."""

CONNECT_S = 20.0
"""How long pictures may take to come, once the server has answered."""

SHOWN_EVERY = 8
"""After so many pictures, about three times a second, the server is told which one was taken last."""

LONGER = 3
"""A call that is lost is tried again for so many times the patience of other requests, by default for a minute and a
half: a network that is gone for a minute ends no call."""

PASSING = (429, 502, 503, 504)
"""What a server says that may be otherwise a moment later."""

logger = logging.getLogger(__name__)


class Call(Session):
    """Opened by ``async with``, which returns once pictures come, and ends it.

    Where the server is lost while the call is up, the call goes on with a new session of the same options: ``state`` is
    ``reconnecting`` until pictures come again, and :attr:`id` is another one then. What was being said ends as
    ``session-ended``. With ``reconnect`` false, and after as many attempts as there is patience for, it ends.
    """

    def __init__(self, http: Http, options: Mapping[str, str], *, microphone: bool, reconnect: bool = True) -> None:
        super().__init__(http)
        self.state: CallStateName = "connecting"
        self._options = options
        self._has_microphone = microphone
        self._reconnects = reconnect
        self._mic: Microphone | None = None
        self._leg: Leg | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._turned = asyncio.Event()
        self._reading = False

    async def open(self) -> Self:
        """Raises ProblemError where the server refuses, ConnectionLost where no pictures come within 20 s."""
        self._mic = Microphone() if self._has_microphone else None
        leg = self._leg = self._make_leg()
        try:
            await leg.open(CONNECT_S)
        except BaseException:
            await self.close()
            raise
        self._go_on(leg)
        self._keeping = asyncio.create_task(self._keep(), name="call")
        return self

    async def close(self) -> None:
        """Hang up, and end the session on the server. May be called twice."""
        keeping, self._keeping = self._keeping, None
        if keeping is not None:
            keeping.cancel()
            await asyncio.wait([keeping])
        self._finish()
        await super().close()
        try:
            if self._leg is not None:
                await self._leg.close(stop_microphone=True)
        finally:
            if self._mic is not None:
                self._mic.stop()
            if self._closing:
                await asyncio.wait(self._closing)

    async def media(self) -> AsyncGenerator[tuple[Picture, Sound]]:
        """Every 40 ms a picture, uint8 ``(height, width, 3)`` RGB, with the sound that belongs to it, int16
        ``(1920,)`` at 48 kHz mono, until the call ends. While it reconnects nothing comes.

        They are put together by the sender's reports (RFC 3550 section 6.4.1). The sound has no gaps: what was lost is
        silence, and a picture that was lost is the one before again. A reader that is slow loses the oldest. What was
        read counts as shown in ``shown_ms``. One reader at a time: RuntimeError for a second.
        """
        if self._leg is None:
            raise RuntimeError("the call is not open: use `async with`, or await its open()")
        if self._reading:
            raise RuntimeError("this call's media are being read already: read them in one place and pass them on")
        self._reading = True
        count = 0
        leg: Leg | None = self._leg
        try:
            while leg is not None:
                while (pair := await leg.take()) is not None:
                    frame, sound = pair
                    yield frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False), sound
                    if count % SHOWN_EVERY == 0 and frame.pts is not None:
                        leg.send(encode(Shown(rtp=frame.pts % (1 << 32))))
                    count += 1
                leg = await self._next_leg(leg)
        finally:
            self._reading = False

    async def talk(self, speech: Speech, rate: int = 24_000) -> None:
        """Play ``speech``, as :meth:`speak` takes it, into the call's microphone in real time, and wait until it is
        played. Raises RuntimeError where the call has none."""
        if self._mic is None:
            raise RuntimeError("this call has no microphone: open it with source=mic, or with microphone=True")
        await self._mic.play(speech, rate)

    async def speak(self, speech: Speech, rate: int = 24_000) -> Playback:
        """As :meth:`Session.speak`. While the call reconnects this waits."""
        await self._live()
        return await super().speak(speech, rate)

    async def say(self, text: str, voice: str | None = None) -> None:
        """As :meth:`Session.say`. While the call reconnects this waits."""
        await self._live()
        await super().say(text, voice)

    async def hearing(self, rate: int = 16_000) -> AsyncGenerator[bytes]:
        """As :meth:`Session.hearing`, until the call ends. While it reconnects nothing comes."""
        leg = self._leg
        ears = self._ears
        while leg is not None:
            async with contextlib.aclosing(ears.chunks(rate)) as chunks:
                async for chunk in chunks:
                    yield chunk
            leg = await self._next_leg(leg)
            ears = self._ears

    @property
    def events(self) -> EventStream:
        """Who speaks, and :class:`CallState`, from now on: a call is told on its data channel."""
        return self._events.subscribe()

    # -- one leg after the other

    def _make_leg(self) -> Leg:
        return Leg(self._http, self._options, self._mic, self._events.put)

    def _go_on(self, leg: Leg) -> None:
        """Pictures come from it."""
        self._leg, self._id = leg, leg.id
        self._speech = self._hearing = None
        self._begin(Events(), leg.over.set)  # who speaks is told on the data channel
        self._change("live")

    async def _keep(self) -> None:
        """Until the call ends."""
        leg = self._leg
        while leg is not None and await leg.is_lost() and self._reconnects:
            self._change("reconnecting")
            leg.abandon()
            await self._http.renew()
            self._end_sockets()
            self._later(close_quietly(leg))
            if (leg := await self._reconnect()) is not None:
                self._go_on(leg)
        if self._leg is not None:
            self._leg.abandon()
        self._finish()

    async def _reconnect(self) -> Leg | None:
        """A leg with pictures; None where there is no use in trying on."""
        back_off = BackOff(LONGER * self._http.patience)
        while True:
            leg = self._make_leg()
            try:
                await leg.open(CONNECT_S)
                return leg
            except ClientError as error:
                self._later(close_quietly(leg))
                passing = isinstance(error, ConnectionLost) or error.status in PASSING
                wait = back_off.wait(error.retry_after if isinstance(error, ProblemError) else None)
                if not passing or wait is None:
                    logger.warning("the call is lost: %s", error)
                    return None
            except BaseException:
                self._later(close_quietly(leg))
                raise
            await asyncio.sleep(wait)

    def _end_sockets(self) -> None:
        """Of the session that is lost: nothing more is said or heard in it."""
        for socket in (self._speech, self._hearing):
            if socket is not None:
                socket.end()
                self._later(socket.close())

    def _later(self, closing: Coroutine[Any, Any, None]) -> None:
        """What takes its time where the server is gone; :meth:`close` waits for it."""
        task = asyncio.create_task(closing, name="call-close")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _live(self) -> None:
        """Wait while the call reconnects. Raises SessionEnded where it ends."""
        while self.state == "reconnecting":
            self._turned.clear()
            await self._turned.wait()
        if self.state == "closed":
            raise SessionEnded("The call has ended: open another one.")

    async def _next_leg(self, leg: Leg) -> Leg | None:
        """The one that the call goes on with; None where it has ended."""
        while self._leg is leg and self.state != "closed":
            self._turned.clear()
            await self._turned.wait()
        return None if self.state == "closed" else self._leg

    def _change(self, state: CallStateName) -> None:
        self.state = state
        self._turned.set()
        if state != "closed":  # which is the end of the events
            self._events.put(CallState(state))

    def _finish(self) -> None:
        """Twice is once."""
        if self.state != "closed":
            self._change("closed")
        self._end()
