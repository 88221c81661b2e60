"""What a session shows: the first portrait when somebody is there to see it, then those that are chosen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from livehead.errors import EngineError, RequestError
from livehead.logs import SessionLog
from livehead.sessions.pipeline import Pipeline
from livehead.sessions.portrait.avatar_switch import AvatarSwitch
from livehead.sessions.portrait.engine_attachment import EngineAttachment
from livehead.sessions.portrait.stream_opener import StreamOpener


class Portrait:
    """One session's; ``avatar`` is the one that is shown, or will be first.

    It costs the engine nothing before it is ``awaited``, that is, somebody who is to see it is connecting: then the
    first stream is opened. When ``begun`` is set, somebody is connected, it is put to use, and ``shown`` is set.
    """

    def __init__(self, avatar: str, streams: StreamOpener, pipeline: Pipeline, log: SessionLog) -> None:
        self.avatar = avatar
        self.awaited = asyncio.Event()
        self.begun = asyncio.Event()
        self.shown = asyncio.Event()
        self._streams = streams
        self._pipeline = pipeline
        self._log = log
        self._switch = AvatarSwitch(streams.open, self._attach, log)

    def choose(self, avatar: str, on_error: Callable[[Exception], None]) -> None:
        """Go on with another one, of several choices with the newest. Returns at once; the old one is shown until the
        new one is there. It stays if that fails: then ``on_error`` is called, with PortraitError for example."""
        self._switch.choose(avatar, on_error)

    async def run(self) -> str:
        """Show it for ever, or return in one stable word why it cannot be shown."""
        try:
            await self._show_first()
        except EngineError as error:
            self._log.error("the engine cannot open its stream: %s", error)
            return "engine-failed"
        except RequestError as error:
            self._log.warning("avatar %s cannot be shown: %s", self.avatar, error)
            return "avatar-failed"
        await self._switch.run()
        return "failed"

    async def close(self) -> None:
        """Give the engine's stream back. Twice is once."""
        if self._pipeline.attachment is not None:
            await self._pipeline.attachment.close()

    async def _show_first(self) -> None:
        await self.awaited.wait()
        attachment = await self._streams.open_first(self.avatar)
        try:
            await self.begun.wait()
        except BaseException:
            await attachment.close()
            raise
        self._attach(self.avatar, attachment)
        self._pipeline.poll()  # it idles before anything is heard
        self.shown.set()

    def _attach(self, avatar: str, attachment: EngineAttachment) -> EngineAttachment | None:
        self.avatar = avatar
        return self._pipeline.attach(attachment)
