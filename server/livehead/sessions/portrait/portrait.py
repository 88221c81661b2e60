"""What a session shows: the first portrait when somebody is there to see it, then those that are chosen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from livehead.core.look import Look
from livehead.errors import EngineError, RequestError
from livehead.logs import SessionLog
from livehead.sessions.pipeline import Pipeline
from livehead.sessions.portrait.appearance import Appearance
from livehead.sessions.portrait.appearance_switch import AppearanceSwitch
from livehead.sessions.portrait.engine_attachment import EngineAttachment
from livehead.sessions.portrait.stream_opener import StreamOpener


class Portrait:
    """One session's; ``appearance`` is what is shown, or will be first.

    It costs the engine nothing before it is ``awaited``, that is, somebody who is to see it is connecting: then the
    first stream is opened. When ``begun`` is set, somebody is connected, it is put to use, and ``shown`` is set.
    """

    def __init__(self, appearance: Appearance, streams: StreamOpener, pipeline: Pipeline, log: SessionLog) -> None:
        self.appearance = appearance
        self.awaited = asyncio.Event()
        self.begun = asyncio.Event()
        self.shown = asyncio.Event()
        self._streams = streams
        self._pipeline = pipeline
        self._log = log
        self._wanted = appearance
        self._switch = AppearanceSwitch(streams.open, self._attach, self._fail, log)

    def choose(
        self, on_error: Callable[[Exception], None], *, avatar: str | None = None, look: Look | None = None
    ) -> None:
        """Go on with another avatar or look, of several choices with the newest of each. Returns at once; the old one
        is shown until the new one is there. It stays if that fails: then ``on_error`` is called, with PortraitError for
        example."""
        if avatar is not None:
            self._wanted = replace(self._wanted, avatar=avatar)
        if look is not None:
            self._wanted = replace(self._wanted, look=look)
        self._switch.choose(self._wanted, on_error)

    async def run(self) -> str:
        """Show it for ever, or return in one stable word why it cannot be shown."""
        try:
            await self._show_first()
        except EngineError as error:
            self._log.error("the engine cannot open its stream: %s", error)
            return "engine-failed"
        except RequestError as error:
            self._log.warning("%s cannot be shown: %s", self.appearance, error)
            return "avatar-failed"
        await self._switch.run()
        return "failed"

    async def close(self) -> None:
        """Give the engine's stream back. Twice is once."""
        if self._pipeline.attachment is not None:
            await self._pipeline.attachment.close()

    async def _show_first(self) -> None:
        await self.awaited.wait()
        attachment = await self._streams.open_first(self.appearance)
        try:
            await self.begun.wait()
        except BaseException:
            await attachment.close()
            raise
        self._attach(self.appearance, attachment)
        self._pipeline.poll()  # it idles before anything is heard
        self.shown.set()

    def _attach(self, appearance: Appearance, attachment: EngineAttachment) -> EngineAttachment | None:
        self.appearance = appearance
        return self._pipeline.attach(attachment)

    def _fail(self) -> None:
        self._wanted = self.appearance
