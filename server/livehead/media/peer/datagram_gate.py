"""What comes in on one UDP port of a call, before anything else reads it.

Anybody may send to a port. Datagrams are told apart by their first octet (RFC 7983): STUN may come from everywhere,
within a budget; DTLS and SRTP are taken from addresses alone that connectivity checks have shown to be the client's
(RFC 8445), within the client's budget.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Container
from typing import Any

from livehead.core.token_bucket import TokenBucket
from livehead.media.peer.client_traffic import ClientTraffic

MAX_DATAGRAM = 1500
"""Longest datagram in octets that is read. libsrtp's buffer has this size, and everything above an Ethernet frame's
payload would have been fragmented on its way."""

STUN_MESSAGES = 100.0
STUN_BURST = 200.0
"""A second, and at once. A browser sends about ten a second while it connects, and one in two seconds later."""

STUN_HEADER = 20
STUN_COOKIE = b"\x21\x12\xa4\x42"

Address = tuple[Any, ...]
OnMalformed = Callable[[str, Exception | None], None]


class DatagramGate:
    """Takes the place of a port's ``datagram_received``. ``username`` is this side's ICE user name fragment with the
    colon behind it, ``transactions`` holds the ids of the own STUN requests that are not answered yet. ``read_stun``
    gets STUN messages with their sender, and may raise; ``put`` gets the client's other datagrams, and says whether
    there was room. ``selected`` tells whether a candidate pair was nominated. ``came`` is told where each datagram that
    is not STUN came from, whether it is taken or not.
    """

    def __init__(
        self,
        traffic: ClientTraffic,
        on_malformed: OnMalformed,
        *,
        username: bytes,
        transactions: Container[bytes],
        read_stun: Callable[[bytes, Address], None],
        put: Callable[[bytes], bool],
        selected: Callable[[], bool],
        came: Callable[[Address], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._traffic = traffic
        self._on_malformed = on_malformed
        self._username = username
        self._transactions = transactions
        self._read_stun = read_stun
        self._put = put
        self._selected = selected
        self._came = came
        self._clock = clock
        self._checked: set[Address] = set()
        self._valid: set[Address] = set()
        self._client_stun, self._other_stun = (TokenBucket(STUN_MESSAGES, STUN_BURST, clock()) for _ in range(2))

    def check_began(self, address: Address) -> None:
        """A connectivity check of this address has begun: until one is nominated, what comes from it is taken."""
        self._checked.add(address)

    def check_succeeded(self, address: Address) -> None:
        """A check's answer, or a check of the client's own, bore its credentials: what comes from this address is
        taken."""
        self._valid.add(address)

    def forget(self, address: Address) -> None:
        """Nothing more is taken from this address, until it is checked again."""
        self._valid.discard(address)
        self._checked.discard(address)

    def receive(self, data: bytes, sender: Address) -> None:
        """A datagram came in."""
        if not 0 < len(data) <= MAX_DATAGRAM:
            self._on_malformed(f"a datagram of {len(data)} octets", None)
            return
        address = sender[:2]  # IPv6 has four parts
        known = address in self._valid or (address in self._checked and not self._selected())
        if data[0] < 4:
            self._receive_stun(data, sender, known)
            return
        self._came(address)
        if not known:
            self._traffic.refused["strangers"] += 1
        elif self._traffic.allows_datagram(data) and not self._put(data):
            self._traffic.refused["queue"] += 1

    def _receive_stun(self, data: bytes, sender: Address, known: bool) -> None:
        """What cannot be for this call is dropped unread: answers to nothing that was asked, and requests that do not
        bear the user name of this side. It costs others no budget."""
        if known and not self._traffic.allows_stun():
            return
        if len(data) < STUN_HEADER or data[4:8] != STUN_COOKIE:
            self._on_malformed("a STUN message without its header", None)
            return
        if data[0] & 1:
            if data[8:20] not in self._transactions:
                self._traffic.refused["stun"] += 1  # too late, as some always are
                return
        elif self._username not in data:
            self._on_malformed("a STUN message without this call's user name", None)
            return
        budget = self._client_stun if known else self._other_stun
        if budget.take(self._clock()) > 0.0:
            self._traffic.refused["stun"] += 1
            return
        try:
            self._read_stun(data, sender)
        except Exception as error:  # noqa: BLE001 - whatever the sender's bytes bring about
            self._on_malformed("a STUN message that could not be handled", error)
