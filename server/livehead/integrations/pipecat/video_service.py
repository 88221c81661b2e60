"""A portrait for a bot of Pipecat, shaped as its own video services are (pipecat/services/tavus, heygen, simli)."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from pipecat.frames.frames import (
    BotSpeakingFrame,
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    CancelFrame,
    EndFrame,
    Frame,
    InterruptionFrame,
    OutputAudioRawFrame,
    OutputTransportReadyFrame,
    StartFrame,
    TTSAudioRawFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
)
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.ai_service import AIService
from pipecat.services.settings import ServiceSettings

from livehead.client import BackendSession, Call, ClientError, Livehead, SessionEnded
from livehead.integrations.pipecat.media_frames import MediaFrames
from livehead.integrations.pipecat.mouth import Mouth

Output: TypeAlias = Literal["pipeline", "whep"]

TRIES = 3
"""Calls in a row that may fail before the service gives up."""

STEADY_S = 10.0
"""A call that lasted so long was none that failed."""

TRY_AGAIN_S = 1.0

FINISH_S = 60.0
"""How long what is being said may take to its end when the pipeline ends: the server holds a minute of speech."""

LAST_S = 0.5
"""How long the last of it may be on its way here."""

CLOSE_S = 8.0

SPEAKING_S = 0.2
"""How often Pipecat's output transport tells that the bot speaks."""


@dataclass
class LiveheadVideoSettings(ServiceSettings):
    """There is nothing to change in mid-call."""


class LiveheadVideoService(AIService):
    """Speaks the audio of the bot through a portrait of the Livehead server at ``url``.

    With ``output="pipeline"`` its pictures and its sound come back into the pipeline in step, for the transport behind
    it: an OutputImageRawFrame and a SpeechOutputAudioRawFrame each 40 ms, with the same ``pts``, from the moment the
    transport is ready, silence included. With ``output="whep"`` they go to the browser by WHEP instead: give it
    :attr:`whep` and :attr:`token`, and leave the transport's own audio off. Put it behind the TTS service.

    ``key`` is an API key where the server has any, ``avatar`` and ``latency`` name what the server offers, ``seed``
    makes the idle portrait repeatable, ``probe`` draws the test pattern, ``tls`` is for servers whose certificate the
    system does not know, and ``patience`` bounds in seconds how long a server that is full is asked again.

    Where there is no portrait, the bot's audio is passed on, so that it is heard. Why is told with an ErrorFrame; it
    is tried again, and after three failures in a row the service is unusable.

    Event handlers: ``on_connected(service, session_id)`` and ``on_disconnected(service, session_id)``.
    """

    Settings = LiveheadVideoSettings

    def __init__(
        self,
        *,
        url: str,
        key: str | None = None,
        avatar: str = "default",
        latency: str | None = None,
        output: Output = "pipeline",
        seed: int | None = None,
        probe: bool = False,
        patience: float = 10.0,
        tls: ssl.SSLContext | None = None,
        settings: LiveheadVideoSettings | None = None,
        **kwargs: Any,
    ) -> None:
        """Raises ValueError for what is no address or no key."""
        defaults = LiveheadVideoSettings(model=None)
        if settings is not None:
            defaults.apply_update(settings)
        super().__init__(settings=defaults, **kwargs)
        self._server = Livehead(url, key=key, patience=patience, tls=tls)
        self._options: dict[str, Any] = {"avatar": avatar, "latency": latency, "seed": seed, "probe": probe}
        self._output = output
        self._task: asyncio.Task[None] | None = None
        self._head: Call | BackendSession | None = None
        self._mouth: Mouth | None = None
        self._frames = MediaFrames()
        self._connected = asyncio.Event()  # or it is known that there is no portrait
        self._transport_ready = False
        self._awaits_picture = False
        self._register_event_handler("on_connected")
        self._register_event_handler("on_disconnected")

    @property
    def session_id(self) -> str | None:
        """Names the session on the server; None while there is none."""
        return None if self._head is None else self._head.id

    @property
    def whep(self) -> str:
        """Where the browser gets the portrait, with ``output="whep"``. Raises RuntimeError while there is no session:
        ``on_connected`` says when there is."""
        return self._backend_session.whep

    @property
    def token(self) -> str:
        """A token that lets the browser view this session, and nothing else."""
        return self._backend_session.token

    def can_generate_metrics(self) -> bool:
        """Time to first byte: from the first audio of an utterance to the first picture that speaks it."""
        return True

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        if self._task is None:
            await self._server.open()
            self._task = self.create_task(self._serve())

    async def stop(self, frame: EndFrame) -> None:
        """What is being said is said to its end."""
        await super().stop(frame)
        if self._mouth is not None:
            with contextlib.suppress(TimeoutError, ClientError):
                async with asyncio.timeout(FINISH_S):
                    await self._mouth.finish()
            if self._output == "pipeline" and self._transport_ready:
                await asyncio.sleep(LAST_S / 2)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LAST_S / 2):
                        await self._frames.silent()
        await self._close()

    async def cancel(self, frame: CancelFrame) -> None:
        await super().cancel(frame)
        await self._close()

    async def cleanup(self) -> None:
        await super().cleanup()  # type: ignore[no-untyped-call]
        await self._close()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        match frame:
            case InterruptionFrame():
                await self.push_frame(frame, direction)
                await self._interrupt()
            case OutputAudioRawFrame(transport_destination=None) if direction is FrameDirection.DOWNSTREAM:
                await self._hear(frame)
            case TTSStartedFrame():
                await self._end_utterance()
                await self.push_frame(frame, direction)
            case TTSStoppedFrame() if direction is FrameDirection.DOWNSTREAM:
                spoken = await self._end_utterance()
                if not spoken or self._output == "whep":  # it would make the transport pad our sound with silence
                    await self.push_frame(frame, direction)
            case OutputTransportReadyFrame():
                self._transport_ready = True
                await self.push_frame(frame, direction)
            case _:
                await self.push_frame(frame, direction)

    # -- the bot's audio

    async def _hear(self, frame: OutputAudioRawFrame) -> None:
        await self._connected.wait()
        mouth = self._mouth
        if mouth is None:
            await self.push_frame(frame)
            return
        if not mouth.busy:
            self._awaits_picture = True
            await self.start_ttfb_metrics()
        try:
            await mouth.hear(
                frame.audio,
                frame.sample_rate,
                frame.num_channels,
                ends_by_itself=not isinstance(frame, TTSAudioRawFrame),
            )
        except (ClientError, ValueError) as error:
            await self.push_error(f"The portrait cannot speak: {error}", exception=error)
            await self.push_frame(frame)

    async def _end_utterance(self) -> bool:
        """Returns whether there is a portrait that speaks it."""
        if self._mouth is None:
            return False
        await self._mouth.end()
        return True

    async def _interrupt(self) -> None:
        if self._mouth is None:
            return
        if self._mouth.busy:
            self._frames.mute(self.get_event_loop().time())
        self._awaits_picture = False
        try:
            await self._mouth.interrupt()
        except ClientError as error:
            await self.push_error(f"The portrait cannot be interrupted: {error}", exception=error)

    # -- the session

    async def _serve(self) -> None:
        """One call after the other, while the pipeline runs."""
        failures = 0
        while True:
            began = self.get_event_loop().time()
            error = await self._serve_one()
            self._connected.set()  # whoever waits to speak goes on without
            failures = 1 if self.get_event_loop().time() - began > STEADY_S else failures + 1
            if failures >= TRIES:
                await self.push_error(
                    f"No portrait: {error} Gave up after {TRIES} calls; the bot is heard without one.",
                    exception=error,
                    force_treat_as_permanent=True,
                )
                return
            await self.push_error(f"No portrait: {error} The bot is heard without one meanwhile.", exception=error)
            await asyncio.sleep(TRY_AGAIN_S * 2**failures)

    async def _serve_one(self) -> ClientError:
        """Returns why there is no portrait any more."""
        head = (
            self._server.call(**self._options) if self._output == "pipeline" else self._server.session(**self._options)
        )
        try:
            async with head:
                self._head = head
                self._mouth = Mouth(head, self._on_started, self._on_stopped, self._on_lost)
                self._frames = MediaFrames()
                self._connected.set()
                await self._call_event_handler("on_connected", head.id)
                try:
                    await (self._show(head) if isinstance(head, Call) else self._wait(head))
                finally:
                    mouth, self._mouth, self._head = self._mouth, None, None
                    await mouth.close()
                    await self._call_event_handler("on_disconnected", head.id)
        except ClientError as error:
            return error
        return SessionEnded("the server has ended the session.")

    async def _show(self, call: Call) -> None:
        """Pass pictures and sound on until the call ends."""
        loop, clock = self.get_event_loop(), self.get_clock()
        async for picture, sound in call.media():
            if not self._transport_ready:
                continue
            image, audio = self._frames.make(picture, sound, clock.get_time(), loop.time())
            await self.push_frame(image)
            await self.push_frame(audio)
            if self._awaits_picture and self._frames.audible:
                self._awaits_picture = False
                await self.stop_ttfb_metrics()

    async def _wait(self, head: BackendSession) -> None:
        """Until the session ends. Pipecat's transports tell while audio goes through them that the bot speaks; here
        none does."""
        tick = 0
        while True:
            await asyncio.sleep(SPEAKING_S)
            if self._mouth is not None and self._mouth.speaking:
                await self.broadcast_frame(BotSpeakingFrame)
            tick += 1
            if tick % 10 == 0:
                await head.stats()  # raises once it is over

    async def _on_started(self) -> None:
        if self._output == "whep":
            await self.stop_ttfb_metrics()
            await self.broadcast_frame(BotStartedSpeakingFrame)

    async def _on_stopped(self) -> None:
        if self._output == "whep":
            await self.broadcast_frame(BotStoppedSpeakingFrame)

    async def _on_lost(self, error: Exception) -> None:
        await self.push_error(f"Speech was lost: {error}", exception=error)

    @property
    def _backend_session(self) -> BackendSession:
        if not isinstance(self._head, BackendSession):
            raise RuntimeError(
                'there is no session to view by WHEP: make the service with output="whep", and wait for on_connected'
            )
        return self._head

    async def _close(self) -> None:
        """Twice is once."""
        task, self._task = self._task, None
        if task is not None:
            await self.cancel_task(task, timeout=CLOSE_S)
            await self._server.close()
        self._connected.set()
