"""Watches a session's client: it connects, its media stop and come back, it goes, it reaches a limit."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from livehead.core.lifecycle import Event
from livehead.logs import SessionLog
from livehead.media.peer.peer import Peer
from livehead.sessions.liveness import Liveness, PeerStatus
from livehead.sessions.sources.base import Source
from livehead.sessions.status import Status

WATCH_S = 0.25


class Watcher:
    """Applies the rules of :class:`~livehead.sessions.liveness.Liveness` to a peer. ``on_connected`` gets the time at
    which it connected; ``end`` is called with the reason for which the session is to end."""

    def __init__(
        self,
        peer: Peer,
        source: Source,
        liveness: Liveness,
        status: Status,
        log: SessionLog,
        *,
        on_connected: Callable[[float], None],
        end: Callable[[str], None],
    ) -> None:
        self._peer = peer
        self._source = source
        self._liveness = liveness
        self._status = status
        self._log = log
        self._on_connected = on_connected
        self._end = end

    async def run(self) -> None:
        """Watch until the session is to end."""
        while not self._peer.connected.is_set():
            if self.look():
                return
            await self._connected_within(WATCH_S)
        now = self._liveness.connected_at = time.monotonic()
        self._on_connected(now)
        self._status.on(Event.CONNECTED)
        while not self.look():  # noqa: ASYNC110 - several things are looked at
            await asyncio.sleep(WATCH_S)

    def look(self) -> bool:
        """Look once. Returns whether the session is to end."""
        now, peer = time.monotonic(), self._peer
        seen = PeerStatus(
            closed=peer.closed.is_set(),
            failed=peer.failure is not None,
            flooded=peer.flooded,
            heard=peer.heard.is_set(),
            last_packet=peer.last_media if self._liveness.sends_audio else peer.last_received,
        )
        if self._source.has_spoken():
            self._liveness.spoken_at = now
        if self._liveness.connected_at is not None:
            self._status.on(Event.MEDIA_LOST if self._liveness.media_lost(seen, now) else Event.MEDIA_BACK)
        reason = self._liveness.end(seen, now)
        if reason is None:
            return False
        if reason == "media-failed":
            self._log.error("its media failed: %s", peer.failure)
        self._end(reason)
        return True

    async def _connected_within(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._peer.connected.wait()
        except TimeoutError:
            pass
