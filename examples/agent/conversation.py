"""One conversation: ears, recogniser, reply, voice, mouth."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Executor
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from livehead.client import BackendSession, Playback, SessionEnded, UserActivity

from .ears import RATE as HEARD_RATE
from .ears import Ears
from .recogniser import Recogniser
from .replies import Message, Replies, sentences
from .voice import RATE as SPOKEN_RATE
from .voice import Voice

logger = logging.getLogger("agent")

Tell: TypeAlias = Callable[[str, str], None]
"""Hears who said what: ``user``, ``agent``, or ``cut``, and what of the last reply was heard, for one cut short."""

SORRY = "I am sorry, I cannot think of an answer right now."


@dataclass(frozen=True)
class Models:
    """They work in threads of ``executor``, so that the event loop goes on."""

    recogniser: Recogniser
    voice: Voice
    executor: Executor

    async def recognise(self, audio: np.ndarray) -> str:
        return await asyncio.get_running_loop().run_in_executor(self.executor, self.recogniser, audio)

    async def speak(self, text: str) -> np.ndarray:
        return await asyncio.get_running_loop().run_in_executor(self.executor, self.voice, text)


@dataclass
class Reply:
    """What was synthesized of it, sentence by sentence, and how long each lasts."""

    sentences: list[tuple[str, float]] = field(default_factory=list)

    def until(self, milliseconds: float) -> str:
        """The words that take so long, as well as can be said without looking into the sound."""
        said = []
        for sentence, lasts in self.sentences:
            words = sentence.split()
            share = min(1.0, milliseconds / lasts)
            said += words[: round(share * len(words))]
            milliseconds -= lasts
            if milliseconds <= 0:
                break
        return " ".join(said)


class Conversation:
    """Of ``head``, which ends it. ``tell`` is for the page."""

    def __init__(
        self, head: BackendSession, models: Models, replies: Replies, tell: Callable[[str, str], None]
    ) -> None:
        self._head = head
        self._models = models
        self._replies = replies
        self._tell = tell
        self._ears = Ears()
        self._said: list[Message] = []
        self._answering: asyncio.Task[None] | None = None
        self._playback: Playback | None = None

    async def run(self) -> None:
        """Until the session ends. The server tells when the user begins and ceases to speak, and lets the portrait fall
        silent by itself when the user begins (interrupt=auto)."""
        async with asyncio.TaskGroup() as group:
            listening = group.create_task(self._listen())
            async for event in self._head.events:
                match event:
                    case UserActivity("speaking"):
                        self._ears.begin()
                        await self._stop_answering()
                    case UserActivity("silent"):
                        self._answering = group.create_task(self._answer(self._ears.end()))
            listening.cancel()
            if self._answering is not None:
                self._answering.cancel()

    async def _listen(self) -> None:
        async for chunk in self._head.hearing(rate=HEARD_RATE):
            self._ears.hear(chunk)

    async def _stop_answering(self) -> None:
        """The user goes on, or has heard enough."""
        if self._answering is None or self._answering.done():
            return
        if self._playback is None:
            self._answering.cancel()
        else:
            await self._head.interrupt()  # most often the server was faster

    async def _answer(self, audio: np.ndarray) -> None:
        try:
            await self._reply_to(audio)
        except SessionEnded:
            pass
        except Exception:
            logger.exception("a turn was not answered")

    async def _reply_to(self, audio: np.ndarray) -> None:
        text = await self._models.recognise(audio)
        if not text:
            return
        self._tell("user", text)
        self._said.append({"role": "user", "content": text})
        reply = Reply()
        self._playback = await self._head.speak(self._voiced(reply), rate=SPOKEN_RATE)
        try:
            result = await self._playback.finished()
        finally:
            self._playback = None
        heard = reply.until(result.heard_ms) if result.interrupted else reply.until(float("inf"))
        if heard:
            self._said.append({"role": "assistant", "content": f"{heard} …" if result.interrupted else heard})
        if result.interrupted:
            self._tell("cut", heard)

    async def _voiced(self, reply: Reply) -> AsyncGenerator[np.ndarray]:
        """The reply as sound, sentence by sentence; closed when the user interrupts."""
        async with aclosing(self._worded()) as worded:
            async for sentence in worded:
                audio = await self._models.speak(sentence)
                if len(audio):
                    reply.sentences.append((sentence, len(audio) * 1000 / SPOKEN_RATE))
                    self._tell("agent", sentence)
                    yield audio

    async def _worded(self) -> AsyncGenerator[str]:
        try:
            async with aclosing(self._replies.reply(self._said)) as words:
                async for sentence in sentences(words):
                    yield sentence
        except Exception:
            logger.exception("no reply")
            yield SORRY
