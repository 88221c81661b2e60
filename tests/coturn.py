"""A TURN server for tests: coturn, on the loopback, with credentials as ``livehead serve`` issues them."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

SECRET = "the TURN server's and the head's"
REALM = "livehead.test"
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Relay:
    """``settings`` are those of a server whose clients use it, by name."""

    port: int
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"turn:{HOST}:{self.port}?transport=udp"

    @property
    def settings(self) -> dict[str, Any]:
        return {"turn_urls": [self.url], "turn_secret": SECRET}

    @property
    def allocations(self) -> int:
        """How many it has made."""
        return self.log.read_text().count("ALLOCATE processed, success")

    def end(self) -> None:
        """Twice is once."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def free_port() -> int:
    """Of TCP and UDP."""
    with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        tcp.bind((HOST, 0))
        port = int(tcp.getsockname()[1])
        udp.bind((HOST, port))
        return port


@contextlib.contextmanager
def relaying(port: int | None = None, *options: str) -> Iterator[Relay]:
    """coturn for the length of the block, ready from its beginning. It relays to this machine, which one that others
    reach must not."""
    program = shutil.which("turnserver")
    if program is None:
        pytest.fail("coturn is not installed (apt-get install coturn)")
    port = port or free_port()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "turn.log"
        where = ("--listening-ip", HOST, "--relay-ip", HOST, "--listening-port", str(port))
        who = ("--use-auth-secret", "--static-auth-secret", SECRET, "--realm", REALM, "--allow-loopback-peers")
        told = ("--no-tls", "--no-dtls", "--no-cli", "--verbose", "--log-file", "stdout", "--simple-log")
        files = ("--pidfile", f"{folder}/pid", "--userdb", f"{folder}/users")
        command = [program, "-n", *where, *who, *told, *files, *options]
        with log.open("wb") as sink:
            process = subprocess.Popen(command, stdout=sink, stderr=subprocess.STDOUT, cwd=folder)
        relay = Relay(port, log, process)
        try:
            _await(relay)
            yield relay
        finally:
            relay.end()
            print(log.read_text()[-4000:])


def _await(relay: Relay, within: float = 60.0) -> None:
    until = time.monotonic() + within
    while time.monotonic() < until:
        assert relay.process.poll() is None, f"coturn ended:\n{relay.log.read_text()}"
        with contextlib.suppress(OSError), socket.create_connection((HOST, relay.port), 1.0):
            return
        time.sleep(0.05)
    raise AssertionError(f"coturn was not ready in {within:.0f} s:\n{relay.log.read_text()}")
