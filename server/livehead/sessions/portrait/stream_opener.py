"""Opens a session's streams at the engine."""

from __future__ import annotations

import asyncio

from livehead.avatars import AvatarStore
from livehead.engine.host.host import EngineHost, OnState
from livehead.errors import EngineDownError, EngineError
from livehead.sessions.pacer import Pacer
from livehead.sessions.portrait.engine_attachment import EngineAttachment

RETRY_S = 0.5


class StreamOpener:
    """One session's: all its streams have the same ``seed``, and give their frames to the same pacer."""

    def __init__(self, host: EngineHost, avatars: AvatarStore, seed: int, pacer: Pacer, on_state: OnState) -> None:
        self._host = host
        self._avatars = avatars
        self._seed = seed
        self._pacer = pacer
        self._on_state = on_state

    async def open(self, avatar: str) -> EngineAttachment:
        """Raises what :meth:`AvatarStore.portrait` and :meth:`EngineHost.open` raise."""
        portrait = await self._avatars.portrait(avatar)
        return await EngineAttachment.open(self._host, portrait, self._seed, self._pacer, self._on_state)

    async def open_first(self, avatar: str) -> EngineAttachment:
        """The same for a client that was told that it will be served: waits for an engine that is down. One that
        goes down while the stream is opened is asked once more, and no oftener: the portrait may be the reason."""
        try:
            return await self._open_when_ready(avatar)
        except EngineDownError:
            self._on_state("down")
            return await self._open_when_ready(avatar)

    async def _open_when_ready(self, avatar: str) -> EngineAttachment:
        while True:
            try:
                await self._host.ready()
                break
            except EngineError:
                self._on_state("down")
                await asyncio.sleep(RETRY_S)
        attachment = await self.open(avatar)
        self._on_state("ready")
        return attachment
