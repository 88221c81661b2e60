"""Run in a network namespace that has nothing but the loopback: does a client reach the peer?"""

from __future__ import annotations

import asyncio

from livehead.media.peer.aiortc_parts import reach_loopback
from livehead.media.peer.peer import Peer
from webrtc_client import Mic, client, connect


async def main() -> None:
    async with client() as pc, Peer() as peer:
        pc.addTrack(Mic())
        pc.addTransceiver("video", "recvonly")
        reach_loopback(pc)
        await connect(peer, pc)
        await anext(aiter(peer.audio))


asyncio.run(main())
