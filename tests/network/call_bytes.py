"""What a call takes of the network: the packets of a real one on the loopback. As root on Linux; two lines of JSON.

    python tests/network/call_bytes.py

The calls are those of ``livehead bench media``: H264 at 800 kbit/s at most, of a face that sways and of one that does
not, with Opus beside it, to a client that sends feedback and has no microphone. ``kbit`` is SRTP, RTCP and STUN
with the headers of UDP and IPv4, per second of video that arrived: so it holds on a machine that is late, too.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import sys
import threading
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[2] / "server"))

from livehead.bench.media.call_cost import FarEnd
from livehead.bench.media.clip import clip
from livehead.bench.media.senders import CallSpec, livehead_with_voice
from livehead.media.rtp.rate_control import HEADROOM

ETH_P_ALL, OUTGOING, UDP = 3, 4, 17
ETHERNET, IPV4_HEADER, IPV6_HEADER = 14, 20, 40
IPV4 = b"\x08\x00"
BITRATE = 800_000
SECONDS, FPS = 16.0, 25


class Counting:
    """A thread that counts what passes the loopback from the ports of ``server``, and to them. A context manager."""

    def __init__(self) -> None:
        self.server: set[int] = set()
        self.counts: Counter[str] = Counter()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Counting:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(ETH_P_ALL)) as line:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
            line.bind(("lo", 0))
            line.settimeout(0.2)
            while not self._stop.is_set():
                try:
                    packet, address = line.recvfrom(65535)
                except TimeoutError:
                    continue
                if address[2] != OUTGOING:  # every packet passes the loopback twice
                    self._count(packet)

    def _count(self, packet: bytes) -> None:
        is_ipv4 = packet[12:14] == IPV4
        if packet[23 if is_ipv4 else 20] != UDP:
            return
        header = ETHERNET + (4 * (packet[ETHERNET] & 15) if is_ipv4 else IPV6_HEADER)
        source, target = (int.from_bytes(packet[at : at + 2], "big") for at in (header, header + 2))
        way = "down" if source in self.server else "up" if target in self.server else None
        if way is not None:
            self.counts[way] += len(packet) - header + IPV4_HEADER
            self.counts[f"{way}_packets"] += 1


async def call(frames: NDArray[np.uint8], counting: Counting) -> dict[str, object]:
    async with FarEnd().started() as far:
        offer = await far.begin("h264", round(BITRATE / HEADROOM))
        async with livehead_with_voice(CallSpec(frames, "h264", BITRATE, offer)) as answer:
            counting.server = {int(port) for port in re.findall(r"a=candidate:\S+ \d udp \d+ \S+ (\d+)", answer)}
            await far.answer(answer)
            while not (await far.received())["frames"]:  # noqa: ASYNC110 - waits for another process
                await asyncio.sleep(0.05)
            await asyncio.sleep(1)
            before, counted = await far.received(), Counter(counting.counts)
            await asyncio.sleep(SECONDS)
            after, counts = await far.received(), counting.counts - counted
    seconds = (after["frames"] - before["frames"]) / FPS
    ways = {
        way: {
            "kbit": round(counts[way] * 8 / 1000 / seconds, 1),
            "packets": round(counts[f"{way}_packets"] / seconds, 1),
        }
        for way in ("down", "up")
    }
    video = (after["octets"] - before["octets"]) * 8 / 1000 / seconds
    return {"fps": round(seconds * FPS / SECONDS, 1), "video_kbit": round(video, 1), **ways}


def main() -> None:
    with Counting() as counting:
        for sways in (True, False):
            figures = asyncio.run(call(clip(8.0, 512, sways=sways), counting))
            print(json.dumps({"head": "sways" if sways else "still", **figures}), flush=True)


if __name__ == "__main__":
    main()
