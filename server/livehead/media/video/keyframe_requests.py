"""When a client that lost a frame gets a keyframe. Pure."""

from __future__ import annotations

from livehead.core.token_bucket import TokenBucket

KEYFRAME_INTERVAL = 0.5
"""Keyframes that are asked for more often, in seconds, are put off until it is over, whoever asks."""

OWN_INTERVAL = 4.0
OWN_BURST = 3
"""A keyframe takes bits from the frames of everybody. So one client among several is given no more than so many that it
asks for at once, and later one in so many seconds; every keyframe serves it, whoever it was made for."""


class KeyframeRequests:
    """Those of one client. Times are in monotonic seconds."""

    def __init__(self, now: float) -> None:
        self.wanted = False
        self.last = 0.0
        self._allowance = TokenBucket(1 / OWN_INTERVAL, OWN_BURST, now)

    def want(self, lost_at: float) -> None:
        """It lost a frame that was sent at ``lost_at``, or before. One from before its last keyframe does not matter
        any more."""
        if lost_at > self.last:
            self.wanted = True

    def grant(self, now: float, *, alone: bool) -> bool:
        """Whether to make a keyframe for it now; a yes is charged to its allowance, unless nobody else watches."""
        return self.wanted and (alone or self._allowance.take(now) == 0.0)

    def got(self, at: float) -> None:
        """A keyframe whose encoding began ``at`` this time is on its way to it."""
        self.wanted = False
        self.last = at
