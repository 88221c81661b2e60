"""Opens a session's streams at the engine."""

from __future__ import annotations

import asyncio

from livehead.avatars import AvatarStore
from livehead.engine.host.host import EngineHost, OnState
from livehead.errors import EngineDownError, EngineError
from livehead.sessions.pacer import Pacer
from livehead.sessions.portrait.appearance import Appearance
from livehead.sessions.portrait.backdrops import find_backdrop
from livehead.sessions.portrait.engine_attachment import EngineAttachment
from livehead.sessions.recording.base import OpenedStream, Recorder

RETRY_S = 0.5


class StreamOpener:
    """One session's: all its streams have the same ``seed``, and give their frames to the same pacer.
    ``owner`` is whose portraits it may show, beside everybody's."""

    def __init__(
        self,
        host: EngineHost,
        avatars: AvatarStore,
        owner: str,
        seed: int,
        pacer: Pacer,
        recorder: Recorder,
        on_state: OnState,
    ) -> None:
        self._host = host
        self._avatars = avatars
        self._owner = owner
        self._seed = seed
        self._pacer = pacer
        self._recorder = recorder
        self._on_state = on_state

    async def open(self, appearance: Appearance) -> EngineAttachment:
        """Raises what :meth:`AvatarStore.portrait` and :meth:`EngineHost.open` raise."""
        avatar, look = appearance.avatar, appearance.look
        portrait = await self._avatars.portrait(avatar, self._owner)
        backdrop = await find_backdrop(look, self._avatars, self._owner)
        attachment = await EngineAttachment.open(
            self._host, portrait, self._seed, backdrop, self._pacer, self._recorder, self._on_state
        )
        assert attachment.stream is not None
        self._recorder.opened(OpenedStream(attachment.stream.id, avatar, portrait, self._seed, look, backdrop))
        return attachment

    async def open_first(self, appearance: Appearance) -> EngineAttachment:
        """The same for a client that was told that it will be served: waits for an engine that is down. One that
        goes down while the stream is opened is asked once more, and no oftener: the portrait may be the reason."""
        try:
            return await self._open_when_ready(appearance)
        except EngineDownError:
            self._on_state("down")
            return await self._open_when_ready(appearance)

    async def _open_when_ready(self, appearance: Appearance) -> EngineAttachment:
        while True:
            try:
                await self._host.ready()
                break
            except EngineError:
                self._on_state("down")
                await asyncio.sleep(RETRY_S)
        attachment = await self.open(appearance)
        self._on_state("ready")
        return attachment
