"""How many connectivity checks a client may have the server send, and how fast.

aioice sends a check seven times to every pair of addresses. A client names addresses that need not be its own, so until
one of them has answered, checks are packets to strangers (RFC 8445 section 19.5.1).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial

from aioice.candidate import Candidate
from aioice.ice import CandidatePair, Connection, StunProtocol
from aioice.stun import Class, Message
from aiortc import RTCPeerConnection

from livehead.media.peer.aiortc_parts import replace, transports

MAX_CHECKS = 100
"""Checks of one session to addresses that have not answered any."""

MAX_UNHEARD = 70
"""Those among them to addresses that have not sent a valid check either: every one of ten candidates gets its seven.
The others are left for the addresses that the client's own checks come from."""

INTERVAL_S = 0.02
"""Between two checks to such addresses: Ta of RFC 8445 section 14.2 is 5 ms at least, and 50 ms by default."""

Address = tuple[str, int]
SendStun = Callable[[Message, Address], None]


class CheckBudget:
    """Says when a check may be sent. Times in seconds, of any one clock. ``withheld`` counts those never sent."""

    def __init__(self) -> None:
        self.withheld = 0
        self._sent = self._unheard = 0
        self._next = float("-inf")

    def take(self, now: float, *, heard: bool) -> float | None:
        """How long to wait before a check is sent, or ``None`` where it is not to be sent at all. One to an address
        that a valid check has come from need not wait."""
        if self._sent >= MAX_CHECKS or (not heard and self._unheard >= MAX_UNHEARD):
            self.withheld += 1
            return None
        self._sent += 1
        if heard:
            return 0.0
        self._unheard += 1
        at = max(now, self._next)
        self._next = at + INTERVAL_S
        return at - now


def bound_checks(pc: RTCPeerConnection, budget: CheckBudget) -> None:
    """Let the checks of a connection cost ``budget``. To be called before candidates are gathered."""
    for dtls in transports(pc):
        _bound(dtls.transport.iceGatherer._connection, budget)


def _bound(connection: Connection, budget: CheckBudget) -> None:
    heard: set[Address] = set()
    gather = connection.get_component_candidates

    async def gather_and_bound(component: int, addresses: list[str]) -> list[Candidate]:
        candidates: list[Candidate] = await gather(component=component, addresses=addresses)
        for protocol in connection._protocols:
            replace(protocol, "send_stun", partial(send, protocol.send_stun, protocol))
        return candidates

    def send(original: SendStun, protocol: StunProtocol, message: Message, address: Address) -> None:
        if message.message_class != Class.REQUEST or "USERNAME" not in message.attributes:
            if message.message_class == Class.RESPONSE and len(heard) < MAX_CHECKS:
                heard.add(address)  # only a request with the call's credentials is answered so
            original(message, address)
            return
        if any(
            pair.protocol is protocol and pair.remote_addr == address and pair.state is CandidatePair.State.SUCCEEDED
            for pair in connection._check_list
        ):
            original(message, address)
            return
        delay = budget.take(time.monotonic(), heard=address in heard)
        if delay == 0.0:
            original(message, address)
        elif delay is not None:
            asyncio.get_running_loop().call_later(delay, send_later, original, message, address)

    def send_later(original: SendStun, message: Message, address: Address) -> None:
        if not connection._closing:
            original(message, address)

    replace(connection, "get_component_candidates", gather_and_bound)
