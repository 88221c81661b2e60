"""When a viewer is to end: its client never came, is gone or floods. Times are monotonic seconds, passed in."""

from __future__ import annotations

from dataclasses import dataclass

from livehead.sessions.admission.session_limits import SessionLimits

MEDIA_LOST_S = 2.0
"""Without a packet for this long the media count as lost."""

ORPHAN_S = 10.0
"""How long a viewer outlives its signal socket while media flows."""

ORPHAN_QUIET_S = 1.5
"""Without its socket and without a packet for this long, the client is gone."""

REPORTS_ONLY = 2.5
"""Clients that send no audio are given this many times as long: only their reports show that they are there, and
those come about once a second."""

UNHEARD_SHARE = 0.5
"""A client that is there sends its first connectivity check at once. One that was not heard for this share of the
time to connect in will not connect in the rest."""


@dataclass(frozen=True, slots=True)
class PeerStatus:
    """The peer at one moment. ``heard``: a valid connectivity check has come from the client; ``last_packet`` is None
    before the first one; ``failed`` says that a part of it died for good, ``flooded`` that its client sent far too
    much."""

    closed: bool = False
    failed: bool = False
    flooded: bool = False
    heard: bool = False
    last_packet: float | None = None


class Liveness:
    """The rules of one viewer. ``answered_at``, ``connected_at`` and ``orphaned_at`` (its signal socket ended) are set
    by the viewer; ``sends_audio`` says that its audio shows that it is there, and not only its reports."""

    def __init__(self, limits: SessionLimits, answered_at: float, *, sends_audio: bool) -> None:
        self.answered_at = answered_at
        self.connected_at: float | None = None
        self.orphaned_at: float | None = None
        self.sends_audio = sends_audio
        self._limits = limits
        self._patience = 1.0 if sends_audio else REPORTS_ONLY

    def media_lost(self, peer: PeerStatus, now: float) -> bool:
        """Whether the client has been silent for longer than its packets should take."""
        return self._quiet(peer, now) > MEDIA_LOST_S * self._patience

    def end(self, peer: PeerStatus, now: float) -> str | None:
        """Why the viewer is to end now, in one stable word, or None."""
        if peer.flooded:
            return "flood"
        if peer.failed:
            return "media-failed"
        if self.connected_at is None:
            return self._end_of_setup(peer, now)
        if peer.closed:
            return "gone"
        quiet = self._quiet(peer, now)
        if quiet > self._limits.silence:
            return "no-media"
        if self.orphaned_at is not None and (
            quiet > ORPHAN_QUIET_S * self._patience or now - self.orphaned_at > ORPHAN_S
        ):
            return "socket-ended"
        return None

    def _end_of_setup(self, peer: PeerStatus, now: float) -> str | None:
        allowed = self._limits.setup * (1.0 if peer.heard else UNHEARD_SHARE)
        if now - self.answered_at > allowed:
            return "never-connected"
        return "gone" if peer.closed or self.orphaned_at is not None else None

    def _quiet(self, peer: PeerStatus, now: float) -> float:
        return now - (peer.last_packet or self.connected_at or now)
