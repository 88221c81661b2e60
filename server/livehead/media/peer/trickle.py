"""A client's candidates that come after its offer (RFC 8838)."""

from __future__ import annotations

from aiortc import RTCPeerConnection

from livehead.core.limits import MAX_CANDIDATES, MAX_REMOTE_CANDIDATES
from livehead.errors import MalformedError
from livehead.media.peer.addresses import AddressPolicy
from livehead.media.peer.candidates import read_candidate
from livehead.media.peer.offer import CheckedOffer


class Trickle:
    """Gives ``pc`` the candidates that ``addresses`` allows; ``refused`` counts those it does not, in the offer too."""

    def __init__(self, pc: RTCPeerConnection, addresses: AddressPolicy) -> None:
        self.refused = 0
        self._pc = pc
        self._addresses = addresses
        self._offer: CheckedOffer | None = None
        self._came = self._used = 0

    def begin(self, offer: CheckedOffer) -> None:
        """From now on candidates are taken."""
        self._offer = offer
        self._used += offer.candidates
        self.refused += offer.refused

    async def add(self, candidate: str, mid: str | None, mline_index: int | None) -> None:
        """One that is of no use, is not allowed, or is one too many is ignored. Raises MalformedError."""
        offer = self._offer
        if offer is None:
            return
        self._came += 1
        if self._came > MAX_CANDIDATES:
            return
        parsed = read_candidate(candidate)
        for_primary = mid == offer.mid or mline_index == offer.index or (mid is None and mline_index is None)
        if parsed is None or not for_primary:  # the m-lines of a bundle share one transport
            return
        if not self._addresses.allows(parsed.ip, parsed.port):
            self.refused += 1
            return
        if self._used >= MAX_REMOTE_CANDIDATES:
            return
        self._used += 1
        parsed.sdpMid, parsed.sdpMLineIndex = offer.mid, offer.index
        try:
            await self._pc.addIceCandidate(parsed)
        except ValueError as error:
            raise MalformedError(f"This ICE candidate cannot be used ({error}).") from error
