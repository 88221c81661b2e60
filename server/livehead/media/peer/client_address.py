"""To which of a client's addresses a call's packets go, where that changes in mid-call.

A NAT that has forgotten its mapping, or one that the client's network has come behind, gives a client another port or
address. The client does not know: it sends as before and nominates nothing anew (RFC 8445 section 8.1.1). So this
side follows it. An address that packets begin to come from is checked, and once it has answered with the call's
credentials, which is its consent too (RFC 7675 section 5.1), the packets go there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from aioice.candidate import Candidate, candidate_priority
from aioice.ice import CandidatePair, Connection, StunProtocol
from aioice.stun import Class, Message, Method

SILENT_S = 1.0
"""Without a packet from the selected address for so long, another one may take its place. Clients send sound 50 times a
second, or reports about once."""

MAX_LEARNED = 8
"""Addresses of a client that its candidates did not name and its checks came from."""

COMPONENT = 1

Address = tuple[Any, ...]


class ClientAddress:
    """Of one connection. ``check`` is the connection's own handler of the client's valid checks; ``forget`` is told of
    an address that is not to be taken from any more."""

    def __init__(
        self,
        connection: Connection,
        check: Callable[[Message, tuple[str, int], StunProtocol], None],
        forget: Callable[[Address], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        self._check = check
        self._forget = forget
        self._clock = clock
        self._heard_at: float | None = None
        self._tried_at = float("-inf")

    def checked_by(self, message: Message, address: tuple[str, int], port: StunProtocol) -> bool:
        """A check of the client's own, with its credentials, has come from ``address``. Returns whether there is room
        to answer it with a check: while none is selected, for :data:`MAX_LEARNED` new ones; afterwards the oldest
        makes room."""
        if not self._may_learn(address):
            return False
        self._check(message, address, port)
        self.came(address, port)
        return True

    def came(self, address: Address, port: StunProtocol) -> None:
        """A packet has come that is not STUN, or a valid check, from whomever."""
        selected = self._connection._nominated.get(COMPONENT)
        if selected is None:
            return
        now = self._clock()
        if self._heard_at is None or (port is selected.protocol and address == selected.remote_addr):
            self._heard_at = now
        elif now - self._heard_at > SILENT_S:
            self._follow(address, port, selected, now)

    def _follow(self, address: Address, port: StunProtocol, selected: CandidatePair, now: float) -> None:
        pairs = self._connection._check_list
        pair = next((each for each in pairs if each.protocol is port and each.remote_addr == address), None)
        if pair is not None and pair.state is CandidatePair.State.SUCCEEDED:
            pair.nominated = True
            self._connection._nominated[COMPONENT] = pair
            self._heard_at = now
        elif pair is None and self._is_rebound(address, selected, now) and self._may_learn(address):
            # What the packet says of itself is not known yet; nobody gets a check who has not consented to one before.
            self._tried_at = now
            message = Message(message_method=Method.BINDING, message_class=Class.REQUEST)
            message.attributes["PRIORITY"] = candidate_priority(COMPONENT, "prflx")
            self._check(message, (address[0], address[1]), port)

    def _is_rebound(self, address: Address, selected: CandidatePair, now: float) -> bool:
        """Whether it is the client's host at another port, as after a NAT has forgotten it; once in a while."""
        return bool(address[0] == selected.remote_addr[0]) and now - self._tried_at > SILENT_S

    def _may_learn(self, address: Address) -> bool:
        candidates = self._connection._remote_candidates
        learned: list[Candidate] = []
        for each in candidates:
            if (each._network_host, each.port) == address:
                return True
            if each.type == "prflx":
                learned.append(each)
        if len(learned) < MAX_LEARNED:
            return True
        selected = self._connection._nominated.get(COMPONENT)
        if selected is None:
            return False
        self._drop(next(each for each in learned if each is not selected.remote_candidate))
        return True

    def _drop(self, candidate: Candidate) -> None:
        self._connection._remote_candidates.remove(candidate)
        for pair in [each for each in self._connection._check_list if each.remote_candidate is candidate]:
            if pair.task is not None:
                pair.task.cancel()
            self._connection._check_list.remove(pair)
        self._forget((candidate._network_host, candidate.port))
