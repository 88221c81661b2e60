"""The STUN server that a server's calls ask for their public address, as far as it can be had without holding calls up.

A name server that does not answer keeps a thread for many seconds, and a STUN server that does not answer keeps every
call for as long as it is waited for. So one thread looks a name up for all calls, an address is kept, and what has not
answered is not waited for again for a while: calls begin without it then.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

WAIT_S = 1.0
"""How long a call waits for the address of a name that is not known."""

FRESH_S = 60.0
"""An address that is older is looked up again, beside the call that gets it."""

REST_S = 30.0
"""For so long nothing is asked that has not answered."""


@dataclass(slots=True)
class _Name:
    address: str | None = None
    known_at: float = float("-inf")
    failed_at: float = float("-inf")
    asked: asyncio.Event | None = None
    """While a thread looks it up; set when it has."""


class StunServer:
    """``look_up`` may block; it raises OSError. To be used on one event loop at a time."""

    def __init__(
        self, look_up: Callable[[str], str] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._look_up = look_up
        self._clock = clock
        self._names: dict[str, _Name] = {}
        self._silent_at = float("-inf")

    async def address(self, name: str) -> str | None:
        """The IPv4 address of the server, None where it is not known or the server does not answer."""
        now = self._clock()
        if now - self._silent_at < REST_S:
            return None
        known = self._names.setdefault(name, _Name())
        asked: asyncio.Event | None = None
        if known.asked is None and now - known.known_at > FRESH_S and now - known.failed_at > REST_S:
            asked = known.asked = asyncio.Event()
            threading.Thread(
                target=self._run, args=(name, known, asyncio.get_running_loop()), name="stun-name", daemon=True
            ).start()
        if known.address is None and asked is not None:  # those that come meanwhile do not wait
            try:
                async with asyncio.timeout(WAIT_S):
                    await asked.wait()
            except TimeoutError:
                known.failed_at = self._clock()
        return known.address

    def silent(self) -> None:
        """The server did not answer in time."""
        self._silent_at = self._clock()

    def _run(self, name: str, known: _Name, loop: asyncio.AbstractEventLoop) -> None:
        try:
            found = (self._look_up or socket.gethostbyname)(name)
        except OSError:
            found = None
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(self._found, known, found)

    def _found(self, known: _Name, address: str | None) -> None:
        now = self._clock()
        if address is None:
            known.failed_at = now  # an address that was good once may still be
        else:
            known.address, known.known_at = address, now
        if known.asked is not None:
            known.asked.set()
        known.asked = None
