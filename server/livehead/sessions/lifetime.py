"""When a session is to end whatever its viewers do. Times are monotonic seconds, passed in."""

from __future__ import annotations

from livehead.sessions.admission.session_limits import SessionLimits

UNVIEWED_S = 60.0
"""How long a session without a caller waits for another viewer when the last one has left."""

FIRST_VIEWER_S = 300.0
"""How long it waits for the first one."""


class Lifetime:
    """The rules of one session. ``begun_at`` (a viewer connected for the first time), ``spoken_at`` (there was speech)
    and ``unviewed_since`` (there is no viewer; None while there are some) are set by the session, the last one only
    for a session without a caller: any other ends with its caller."""

    def __init__(self, limits: SessionLimits) -> None:
        self.begun_at: float | None = None
        self.spoken_at: float | None = None
        self.unviewed_since: float | None = None
        self._limits = limits

    def end(self, now: float) -> str | None:
        """Why the session is to end now, in one stable word, or None."""
        if self.unviewed_since is not None:
            patience = FIRST_VIEWER_S if self.begun_at is None else UNVIEWED_S
            if now - self.unviewed_since > patience:
                return "unviewed"
        if self.begun_at is None:
            return None
        if now - self.begun_at > self._limits.duration:
            return "time-limit"
        if now - max(self.begun_at, self.spoken_at or 0.0) > self._limits.idle:
            return "idle"
        return None
