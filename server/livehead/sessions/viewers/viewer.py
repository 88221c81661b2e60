"""One client of a session: its peer connection, and the rules by which it is there."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from livehead.core.identity import Identity
from livehead.core.ids import new_id
from livehead.core.networks import network_of
from livehead.logs import SessionLog
from livehead.media.audio.ingest import AudioChunk
from livehead.media.peer.addresses import AddressPolicy
from livehead.media.peer.channel import LABEL
from livehead.media.peer.media_addresses import MediaAddresses
from livehead.media.peer.peer import IceServer, Peer
from livehead.media.peer.viewers import Viewers
from livehead.sessions.admission.session_limits import SessionLimits
from livehead.sessions.viewers.liveness import Liveness, PeerStatus
from livehead.settings import Settings

WATCH_S = 0.25


class Dialect(Protocol):
    """What is spoken on a viewer's data channel instead of our own messages."""

    def receive(self, text: str) -> None:
        """A text of the client."""

    def leave(self) -> None:
        """The viewer ends; there is still time for one text."""


class OnViewer(Protocol):
    """What a viewer tells its session."""

    def on_heard(self, viewer: Viewer) -> None:
        """Its first connectivity check has come."""

    def on_connected(self, viewer: Viewer) -> None:
        """It is connected."""

    def on_first_frame(self, viewer: Viewer) -> None:
        """The first frame went to its socket."""

    def on_text(self, viewer: Viewer, text: str) -> None:
        """A text came on its data channel."""

    def on_audio(self, viewer: Viewer, audio: AudioChunk) -> None:
        """Its microphone's next samples."""

    def on_media(self, viewer: Viewer, *, lost: bool) -> None:
        """Whether its packets have stopped coming; told again and again."""


class Viewer:
    """The session's caller, or somebody who joined it. ``closed`` is set when the peer connection is closed;
    ``reason`` says then why, in one word. ``network`` is what the client's address counts as.

    With ``caller_speaks`` the client must send the audio that the session is driven by; otherwise it may send audio.
    With ``sees`` it must take the video. ``voice`` says whether the session's audio is sent to it, if it takes any;
    ``channel`` is the name of its data channel.
    """

    def __init__(
        self,
        viewers: Viewers,
        opened_by: Identity,
        settings: Settings,
        session: OnViewer,
        log: SessionLog,
        media_addresses: MediaAddresses,
        *,
        caller_speaks: bool = False,
        sees: bool = False,
        voice: bool = True,
        channel: str = LABEL,
    ) -> None:
        self.id = new_id()
        self.etag = f'"{new_id()}"'
        self.opened_by = opened_by
        self.network = network_of(opened_by.address)
        self.closed = asyncio.Event()
        self.reason = "failed"
        limits = SessionLimits.of(settings, opened_by)
        stun_urls = settings.media.stun_urls
        self.peer = Peer(
            [IceServer(stun_urls)] if stun_urls else [],
            viewers=viewers,
            audio="required" if caller_speaks else "optional",
            video="required" if sees else "optional",
            voice=voice,
            on_message=self._on_text,
            channel=channel,
            addresses=AddressPolicy.of(
                settings.media.peer_addresses, "" if opened_by.behind_proxy else opened_by.address
            ),
            media_addresses=media_addresses,
            setup_seconds=limits.setup,
            packets_per_second=settings.limits.packets_per_second,
        )
        self._liveness = Liveness(limits, time.monotonic(), sends_audio=caller_speaks)
        self._session = session
        self._dialect: Dialect | None = None
        self._log = log
        self._ending = asyncio.Event()

    async def open(self, offer: str) -> str:
        """Answer the offer; :meth:`run` must follow. Raises what :meth:`Peer.answer` raises; nothing is left behind
        then."""
        try:
            answer = await self.peer.answer(offer)
        except BaseException:
            await self.peer.close()
            raise
        self._liveness.answered_at = time.monotonic()
        return answer

    async def run(self) -> None:
        """Serve until :meth:`end`, or until the client is gone. Never raises but for its own cancellation."""
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(part()) for part in (self._connect, self._watch, self._listen)]
                await self._ending.wait()
                for task in tasks:
                    task.cancel()
        except ExceptionGroup:
            self._log.exception("a viewer failed")
        finally:
            if self._dialect is not None:
                self._dialect.leave()
            await self._close()

    def end(self, reason: str) -> None:
        """Ask it to end; ``closed`` says when it has."""
        if not self._ending.is_set():
            self.reason = reason
            self._ending.set()

    def orphan(self) -> None:
        """The signal socket ended: so does the viewer, in 10 s or when no media flows."""
        self._liveness.orphaned_at = time.monotonic()

    @property
    def answered_at(self) -> float:
        """Monotonic seconds."""
        return self._liveness.answered_at

    @property
    def heard(self) -> bool:
        """Whether a connectivity check has come from the client."""
        return self.peer.heard.is_set()

    @property
    def pending(self) -> bool:
        """Whether the client has yet to connect."""
        return not self.peer.connected.is_set()

    async def add_candidate(self, candidate: str | None, mid: str | None, mline_index: int | None) -> None:
        """A trickled candidate, None after the last. Raises MalformedError."""
        await self.peer.add_candidate(candidate, mid, mline_index)

    def is_restart(self, ufrag: str | None) -> bool:
        """Whether an ICE user name fragment asks for an ICE restart."""
        return self.peer.is_restart(ufrag)

    def speak(self, dialect: Dialect) -> None:
        """Give it the texts of the client from now on, in place of the session."""
        self._dialect = dialect

    def _on_text(self, text: str) -> None:
        if self._dialect is None:
            self._session.on_text(self, text)
        else:
            self._dialect.receive(text)

    async def _close(self) -> None:
        try:
            await self.peer.close()
        except Exception:  # noqa: BLE001 - the session and its other viewers go on
            self._log.exception("a viewer could not be closed")
        finally:
            self.closed.set()

    async def _connect(self) -> None:
        await self.peer.heard.wait()
        self._session.on_heard(self)
        await self.peer.connected.wait()
        self._liveness.connected_at = time.monotonic()
        self._session.on_connected(self)
        await self.peer.shown.wait()
        self._session.on_first_frame(self)

    async def _watch(self) -> None:
        while not self._look():  # noqa: ASYNC110 - several things are looked at
            await asyncio.sleep(WATCH_S)

    async def _listen(self) -> None:
        async for audio in self.peer.audio:
            self._session.on_audio(self, audio)
        self._look()  # with the peer, its audio ends

    def _look(self) -> bool:
        """Look once. Returns whether the viewer is to end."""
        now, peer, liveness = time.monotonic(), self.peer, self._liveness
        seen = PeerStatus(
            closed=peer.closed.is_set(),
            failed=peer.failure is not None,
            flooded=peer.flooded,
            heard=peer.heard.is_set(),
            last_packet=peer.last_media if liveness.sends_audio else peer.last_received,
        )
        if liveness.connected_at is not None:
            self._session.on_media(self, lost=liveness.media_lost(seen, now))
        reason = liveness.end(seen, now)
        if reason is None:
            return False
        if reason == "media-failed":
            self._log.error("a viewer's media failed: %s", peer.failure)
        self.end(reason)
        return True
