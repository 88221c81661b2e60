"""How long something may take to arrive."""

from __future__ import annotations

RATE = 8 * 1024
"""Bytes a second that a long body or message must bring: half of the slowest speech, 8 kHz in 16 bits."""


class Arrival:
    """One request's head or body, or one message of a WebSocket, while it arrives: it may take ``seconds``, and another
    one for every :data:`RATE` bytes. Pure; times are the event loop's, in seconds."""

    __slots__ = ("_bytes", "_since", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._since: float | None = None
        self._bytes = 0

    @property
    def begun(self) -> bool:
        """Whether something is to arrive."""
        return self._since is not None

    def begin(self, now: float) -> None:
        """Something is to arrive from now on."""
        self._since = now
        self._bytes = 0

    def receive(self, size: int) -> None:
        """So many bytes of it have."""
        self._bytes += size

    def excuse(self, now: float) -> None:
        """It is the server that does not read: the time begins anew."""
        if self._since is not None:
            self._since = now

    def end(self) -> None:
        """It is there."""
        self._since = None

    def overdue(self, now: float) -> bool:
        """Whether it took too long."""
        return self._since is not None and now - self._since > self.seconds + self._bytes / RATE
