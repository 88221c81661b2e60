"""How often the tokens with a number of uses were used."""

from __future__ import annotations

import time
from collections.abc import Callable

from livehead.core.identity import Identity
from livehead.errors import ForbiddenError


class Uses:
    """Counted in memory until the token expires; ``clock`` is Unix time in seconds. Another server, or this one after a
    restart with the same secret, counts anew."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._used: dict[str, tuple[int, float]] = {}

    def spend(self, identity: Identity) -> None:
        """Count one use. Raises ForbiddenError where there is none left."""
        if identity.token is None or identity.uses is None:
            return
        used, _ = self._used.get(identity.token, (0, 0.0))
        if used >= identity.uses:
            raise ForbiddenError(
                f"This token has been used as often as it may be ({identity.uses}). Ask your backend for a new one.",
                problem="uses",
            )
        if not used:
            self._forget_expired()
        self._used[identity.token] = used + 1, identity.expires or 0.0

    def give_back(self, identity: Identity) -> None:
        """Take one use back: what it was for was refused."""
        if identity.token is not None and identity.token in self._used:
            used, expires = self._used[identity.token]
            self._used[identity.token] = max(0, used - 1), expires

    def _forget_expired(self) -> None:
        now = self._clock()
        for token in [token for token, (_, expires) in self._used.items() if expires + 60 < now]:
            del self._used[token]
