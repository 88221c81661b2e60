"""How long one session may take to connect, be silent, idle and last."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

from livehead.core.identity import Identity
from livehead.settings import Settings


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """In seconds; ``math.inf`` is for ever. ``silence`` is how long the client may send no media, ``idle`` how long
    there may be no speech, ``duration`` how long the session may last from the connection on."""

    setup: float = 10.0
    silence: float = 10.0
    idle: float = math.inf
    duration: float = math.inf

    @classmethod
    def of(cls, settings: Settings, identity: Identity) -> Self:
        """Those of a session that ``identity`` opens: the server's, and what its token allows."""
        limits = settings.limits
        allowed = math.inf if identity.max_seconds is None else identity.max_seconds
        return cls(
            setup=limits.setup_seconds,
            silence=settings.media.silence_timeout,
            idle=limits.idle_seconds or math.inf,
            duration=min(limits.session_seconds or math.inf, allowed),
        )
