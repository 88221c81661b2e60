"""What is sent to a client whose line is too narrow for the bitrate that the others agreed on. Pure."""

from __future__ import annotations

from livehead.media.rtp.rate_control import BitratePolicy

QUEUED_S = 0.3
"""No frame is sent while those before it still take longer than this to get through: audio would wait behind them."""

SPARED_S, LONGEST_S = 8.0, 60.0
"""So long a client is spared once its line was full, and twice as long each time that it is again, up to a minute.
Between two times it is tried with every frame: only on what is sent can it find out that its line has become wider."""

FORGOTTEN_S = 60.0
"""After so long without trouble the first pause is short again."""


class NarrowLine:
    """One client's. Times are in monotonic seconds."""

    def __init__(self) -> None:
        self._seen = 0.0
        self._until = 0.0
        self._pause = SPARED_S
        self._carried_at = 0.0

    def is_spared(self, policy: BitratePolicy, now: float) -> bool:
        """Whether the client is sent only a part of the frames at the moment."""
        if policy.full_at > self._seen:
            self._seen = policy.full_at
            if now >= self._until:
                if now - self._until > FORGOTTEN_S:
                    self._pause = SPARED_S
                self._until = now + self._pause
                self._pause = min(LONGEST_S, 2 * self._pause)
        return now < self._until and policy.sent > policy.bitrate

    def is_free(self, now: float) -> bool:
        """Whether all that was sent has got through."""
        return self._carried_at <= now

    def take(self, octets: int, bitrate: int, now: float) -> bool:
        """Whether to send a frame of so many octets now, where the line takes ``bitrate`` bits a second."""
        if self._carried_at - now > QUEUED_S:
            return False
        self._carried_at = max(self._carried_at, now) + octets * 8 / bitrate
        return True
