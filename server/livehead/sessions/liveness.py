"""Whether a session's client is still there. Times are monotonic seconds, passed in."""

from __future__ import annotations

from dataclasses import dataclass

from livehead.core.limits import CONNECT_S

MEDIA_LOST_S = 2.0
"""Without a packet for this long the session is ``degraded``."""

ORPHAN_S = 10.0
"""How long a session outlives its signal socket while media flows."""

ORPHAN_QUIET_S = 1.5
"""Without its socket and without a packet for this long, the client is gone."""

REPORTS_ONLY = 2.5
"""Clients that send no audio are given this many times as long: only their reports show that they are there, and
those come about once a second."""


@dataclass(frozen=True, slots=True)
class PeerStatus:
    """The peer at one moment. ``last_packet`` is None before the first one; ``failed`` says that a part of it died
    for good."""

    closed: bool
    failed: bool
    last_packet: float | None


class Liveness:
    """The rules of one session. ``connected_at`` and ``orphaned_at`` (its signal socket ended) are set by the
    session."""

    def __init__(self, opened_at: float, *, silence_timeout: float, sends_audio: bool) -> None:
        self.connected_at: float | None = None
        self.orphaned_at: float | None = None
        self.sends_audio = sends_audio
        self._opened_at = opened_at
        self._silence_timeout = silence_timeout
        self._patience = 1.0 if sends_audio else REPORTS_ONLY

    def media_lost(self, peer: PeerStatus, now: float) -> bool:
        """Whether the client has been silent for longer than its packets should take."""
        return self._quiet(peer, now) > MEDIA_LOST_S * self._patience

    def end(self, peer: PeerStatus, now: float) -> str | None:
        """Why the session is to end now, in one stable word, or None."""
        if peer.failed:
            return "media-failed"
        if peer.closed:
            return "gone"
        if self.connected_at is None:
            if now - self._opened_at > CONNECT_S:
                return "never-connected"
            return None if self.orphaned_at is None else "gone"
        quiet = self._quiet(peer, now)
        if quiet > self._silence_timeout:
            return "no-media"
        if self.orphaned_at is not None and (
            quiet > ORPHAN_QUIET_S * self._patience or now - self.orphaned_at > ORPHAN_S
        ):
            return "socket-ended"
        return None

    def _quiet(self, peer: PeerStatus, now: float) -> float:
        return now - (peer.last_packet or self.connected_at or now)
