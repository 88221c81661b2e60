"""A server and callers on bad networks of this one machine.

The server's namespace is joined to one namespace for each link; addresses are 10.77.<link>.1 for the server and
10.77.<link>.2 for the caller. There is no way from one link to another, and none to the world outside.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from namespaces import inside, ip, namespaces
from tun_link import Count, Weather

SERVER = "server"
LINKS = ("one", "two")


class Lab:
    """Made by :func:`laboratory`."""

    def __init__(self, names: dict[str, str], process: subprocess.Popen[str]) -> None:
        self._names = names
        self._process = process
        self._links = [name for name in names if name != SERVER]

    def inside(self, name: str) -> contextlib.AbstractContextManager[None]:
        """Start processes in this block to have them at the server's or at a link's other end."""
        return inside(self._names[name])

    def host(self, link: str) -> str:
        """The server's address as the caller at the other end of ``link`` sees it."""
        return f"10.77.{self._links.index(link)}.1"

    def set(self, link: str, weather: Weather) -> Count:
        """Change the weather; returns what the link did since it was last changed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = {"link": self._links.index(link), "weather": asdict(weather)}
        print(json.dumps(order), file=self._process.stdin, flush=True)
        return Count(**json.loads(self._process.stdout.readline()))

    def move(self, link: str, host: int) -> None:
        """Give the caller at the end of ``link`` another address, 10.77.<link>.<host>, as when it goes from one network
        to another; it has the old one no more, and what is sent there is lost."""
        server, device = self.host(link), _device(link)
        here = server.rpartition(".")[0]
        ip("route", "replace", f"{here}.{host}", "dev", device, within=self._names[SERVER])
        ip("addr", "flush", "dev", device, within=self._names[link])
        ip("addr", "add", f"{here}.{host}", "peer", server, "dev", device, within=self._names[link])

    def limit(self, link: str, kbit: int, queue_ms: int) -> None:
        """Hold the rate at ``kbit`` thousand bits a second each way. What has to wait longer than ``queue_ms``
        is lost."""
        shape = ("root", "tbf", "rate", f"{kbit}kbit", "burst", "4kb", "latency", f"{queue_ms}ms")
        for end in (SERVER, link):
            ip("qdisc", "replace", "dev", _device(link), *shape, within=self._names[end], program="tc")

    def unlimit(self, link: str) -> None:
        for end in (SERVER, link):
            ip("qdisc", "delete", "dev", _device(link), "root", within=self._names[end], program="tc")


@dataclass(frozen=True)
class Site:
    """``livehead serve`` in the server's namespace, reached over the lab's links."""

    lab: Lab
    port: int


@contextlib.contextmanager
def laboratory(links: Sequence[str], seed: int) -> Iterator[Lab]:
    """Namespaces and links with fair weather for the length of the block. Raises UnavailableError."""
    with namespaces(SERVER, *links) as names:
        ends = [(names[SERVER], _device(link), names[link], _device(link)) for link in links]
        program = str(Path(__file__).parent / "tun_link.py")
        process = subprocess.Popen(
            [sys.executable, program, json.dumps(ends), str(seed)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n", "the links could not be made; see above"
            for number, link in enumerate(links):
                for name, mine, other in ((SERVER, 1, 2), (link, 2, 1)):
                    here, there = f"10.77.{number}.{mine}", f"10.77.{number}.{other}"
                    ip("addr", "add", here, "peer", there, "dev", _device(link), within=names[name])
                    ip("link", "set", "dev", _device(link), "up", within=names[name])
            yield Lab(names, process)
        finally:
            process.stdin.close()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()


def _device(link: str) -> str:
    return f"lh-{link}"[:15]
