"""A conversation between a session's user and a speech-to-speech model behind OpenAI's Realtime API."""

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from livehead.client import Playback, Session

RATE = 24_000
"""Samples a second, both ways: what the API takes as audio/pcm."""

MOST = 600 * RATE * 2
"""Bytes of one answer that may wait to be spoken, ten minutes; the rest is dropped."""

logger = logging.getLogger(__name__)


@dataclass
class Answer:
    """The audio of one item of the model. ``complete`` once there is no more to take: what still comes of it is
    dropped. ``over`` once it was spoken, or cut short."""

    item: str
    content: int
    complete: bool = False
    over: bool = False
    waiting: int = 0
    pieces: asyncio.Queue[bytes | None] = field(default_factory=asyncio.Queue)

    def put(self, audio: bytes) -> None:
        if self.complete:
            return
        self.waiting += len(audio)
        if self.waiting > MOST:
            logger.warning("an answer of more than ten minutes is cut short")
            self.end()
        else:
            self.pieces.put_nowait(audio)

    def end(self) -> None:
        self.complete = True
        self.pieces.put_nowait(None)

    async def stream(self) -> AsyncIterator[bytes]:
        while (piece := await self.pieces.get()) is not None:
            self.waiting -= len(piece)
            yield piece


class Bridge:
    """``head`` is the face, ``model`` a connection to the API. :meth:`run` ends with either; errors of the face come as
    an ExceptionGroup of ClientError."""

    def __init__(self, head: Session, model: ClientConnection, instructions: str, voice: str) -> None:
        self._head = head
        self._model = model
        self._instructions = instructions
        self._voice = voice
        self._answers: dict[tuple[str, int], Answer] = {}

    async def run(self) -> None:
        await self._send(
            "session.update",
            session={
                "type": "realtime",
                "output_modalities": ["audio"],
                "instructions": self._instructions,
                "audio": {
                    "input": {
                        "format": {"type": "audio/pcm", "rate": RATE},
                        "turn_detection": {"type": "server_vad", "create_response": True, "interrupt_response": True},
                    },
                    "output": {"format": {"type": "audio/pcm", "rate": RATE}, "voice": self._voice},
                },
            },
        )
        async with asyncio.TaskGroup() as tasks:
            hearing = tasks.create_task(self._hear())
            try:
                await self._listen(tasks)
            finally:
                hearing.cancel()
                for answer in self._answers.values():
                    answer.end()

    async def _hear(self) -> None:
        """The user's microphone goes to the model, until the session ends."""
        async for chunk in self._head.hearing(rate=RATE):
            await self._send("input_audio_buffer.append", audio=base64.b64encode(chunk).decode())
        await self._model.close()

    async def _listen(self, tasks: asyncio.TaskGroup) -> None:
        try:
            async for text in self._model:
                await self._take(json.loads(text), tasks)
        except ConnectionClosed as error:
            logger.warning("the model has closed the connection: %s", error)

    async def _take(self, event: dict[str, Any], tasks: asyncio.TaskGroup) -> None:
        match event["type"]:
            case "response.output_audio.delta" | "response.audio.delta":  # the latter before general availability
                answer = await self._answer(event["item_id"], event["content_index"], tasks)
                answer.put(base64.b64decode(event["delta"]))
            case "response.output_audio.done" | "response.audio.done":
                if answer := self._answers.get((event["item_id"], event["content_index"])):
                    answer.end()
            case "input_audio_buffer.speech_started":
                await self._interrupt()
            case "error":
                logger.warning("the model says: %s", event["error"].get("message"))

    async def _answer(self, item: str, content: int, tasks: asyncio.TaskGroup) -> Answer:
        answer = self._answers.get((item, content))
        if answer is None:
            answer = self._answers[item, content] = Answer(item, content)
            playback = await self._head.speak(answer.stream(), rate=RATE)
            tasks.create_task(self._follow(answer, playback))
        return answer

    async def _interrupt(self) -> None:
        """The user speaks: the portrait falls silent. The model stops by itself; what it had sent is dropped."""
        playing = [answer for answer in self._answers.values() if not answer.over]
        for answer in playing:
            answer.end()
        if playing:
            await self._head.interrupt()

    async def _follow(self, answer: Answer, playback: Playback) -> None:
        """Of an answer that was cut short the model is told how much the user's screen has shown, so that it does not
        believe that the user has heard the rest."""
        result = await playback.finished()
        answer.over = True
        if result.interrupted:
            answer.end()
            await self._send(
                "conversation.item.truncate",
                item_id=answer.item,
                content_index=answer.content,
                audio_end_ms=result.heard_ms,
            )

    async def _send(self, kind: str, **fields: Any) -> None:
        try:
            await self._model.send(json.dumps({"type": kind, **fields}))
        except ConnectionClosed:
            logger.debug("the connection to the model has closed: %s is not sent", kind)
