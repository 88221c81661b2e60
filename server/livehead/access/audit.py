"""One line in the log for each refusal: who, from where, what for, why. Never a secret, never a line break."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from livehead.core.token_bucket import TokenBucket
from livehead.errors import RequestError

LINES_PER_S = 20.0
BURST = 200.0

logger = logging.getLogger(__name__)


class Audit:
    """Writes to this module's logger. An attacker does not fill the disk: past :data:`LINES_PER_S` refusals are
    counted, and the next line says how many were left out."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._bucket = TokenBucket(LINES_PER_S, BURST, clock())
        self._left_out = 0

    def refused(self, error: RequestError, *, address: str, owner: str, what: str) -> None:
        """``what`` was asked for, as in ``POST /v1/sessions``; ``owner`` is the key's name, or empty where nobody
        showed a valid one. The error's message is not written: it may repeat what the client sent."""
        if self._bucket.take(self._clock()) > 0:
            self._left_out += 1
            return
        left_out = f" ({self._left_out} more refusals were not logged)" if self._left_out else ""
        self._left_out = 0
        logger.warning(
            "refused: status=%d reason=%s key=%s address=%s request=%s%s",
            error.status,
            error.problem,
            owner or "-",
            _printable(address),
            _printable(what),
            left_out,
        )


def _printable(text: str) -> str:
    """``text`` as one line of ASCII without spaces at its ends, bounded."""
    return text[:120].encode("unicode_escape").decode("ascii").strip()
