"""Links between network namespaces over pairs of TUN devices, with the weather of real networks. A program.

    python tun_link.py '[["ns-a", "tun0", "ns-b", "tun0"], …]' SEED

It makes the devices, says ``ready``, and carries packets both ways. Each line on its standard input is
``{"link": 0, "weather": {"loss": 0.05}}``, fields as in :class:`Weather`; it is answered with what the link did since
the last one. It ends, and its devices with it, when its standard input does.
"""

from __future__ import annotations

import contextlib
import fcntl
import heapq
import json
import os
import random
import select
import struct
import sys
import time
from dataclasses import asdict, dataclass

from namespaces import TUN, inside

_TUNSETIFF = 0x400454CA
_IFF_TUN = 0x0001
_IFF_NO_PI = 0x1000
_MTU = 2048


@dataclass(frozen=True)
class Weather:
    """For each packet, either way: ``loss``, ``reorder`` and ``duplicate`` are probabilities. It takes ``delay_ms``,
    give or take ``jitter_ms`` (uniform, each for itself, so packets may overtake each other). A reordered one takes
    40 ms more, a duplicate comes up to 20 ms later. A blackout is a loss of 1."""

    loss: float = 0.0
    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    reorder: float = 0.0
    duplicate: float = 0.0


@dataclass
class Count:
    passed: int = 0
    lost: int = 0


class Links:
    def __init__(self, ends: list[tuple[str, str, str, str]], seed: int) -> None:
        self._random = random.Random(seed)
        self._weather = [Weather() for _ in ends]
        self._counts = [Count() for _ in ends]
        self._ways: dict[int, tuple[int, int]] = {}  # device → number of the link, device at the other end
        self._under_way: list[tuple[float, int, int, bytes]] = []
        self._number = 0
        for link, (a, device_a, b, device_b) in enumerate(ends):
            one, other = _device(a, device_a), _device(b, device_b)
            self._ways |= {one: (link, other), other: (link, one)}

    def run(self) -> None:
        print("ready", flush=True)
        watched = [0, *self._ways]
        while True:
            due = self._under_way[0][0] - time.monotonic() if self._under_way else None
            ready, _, _ = select.select(watched, [], [], due if due is None else max(0.0, due))
            for source in ready:
                if source:
                    self._read(source)
                elif not self._obey():
                    return
            now = time.monotonic()
            while self._under_way and self._under_way[0][0] <= now:
                _, _, target, packet = heapq.heappop(self._under_way)
                _write(target, packet)

    def _read(self, source: int) -> None:
        link, target = self._ways[source]
        with contextlib.suppress(BlockingIOError):
            while True:
                self._pass(link, target, os.read(source, _MTU))

    def _pass(self, link: int, target: int, packet: bytes) -> None:
        weather, count = self._weather[link], self._counts[link]
        if self._random.random() < weather.loss:
            count.lost += 1
            return
        count.passed += 1
        late = weather.delay_ms + self._random.uniform(-1, 1) * weather.jitter_ms
        if self._random.random() < weather.reorder:
            late += 40
        if late <= 0:
            _write(target, packet)
        else:
            self._later(late, target, packet)
        if self._random.random() < weather.duplicate:
            self._later(late + self._random.uniform(0, 20), target, packet)

    def _later(self, ms: float, target: int, packet: bytes) -> None:
        self._number += 1
        heapq.heappush(self._under_way, (time.monotonic() + ms / 1000, self._number, target, packet))

    def _obey(self) -> bool:
        line = sys.stdin.buffer.raw.readline()  # type: ignore[attr-defined]
        if not line:
            return False
        order = json.loads(line)
        link = int(order["link"])
        print(json.dumps(asdict(self._counts[link])), flush=True)
        self._counts[link] = Count()
        self._weather[link] = Weather(**order["weather"])
        return True


def _device(namespace: str, name: str) -> int:
    with inside(namespace):
        device = os.open(TUN, os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH", name.encode(), _IFF_TUN | _IFF_NO_PI))
    return device


def _write(device: int, packet: bytes) -> None:
    with contextlib.suppress(OSError):  # not up yet, or its queue is full: as on any network, the packet is gone
        os.write(device, packet)


if __name__ == "__main__":
    with contextlib.suppress(PermissionError):
        os.nice(-10)  # held up by nothing but the weather
    Links([tuple(each) for each in json.loads(sys.argv[1])], int(sys.argv[2])).run()
