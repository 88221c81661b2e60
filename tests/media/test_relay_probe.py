"""A real coturn, asked as doctor asks it."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator

import pytest

from livehead.core.turn_credentials import turn_credentials
from livehead.doctor.environment import Environment
from livehead.doctor.network.relays import check_relays
from livehead.doctor.network.udp import check_udp
from livehead.errors import UsageError
from livehead.media.relay_probe import RefusedError, UnreachableError, allocate, reflect
from livehead.settings import load

SECRET = "a secret of the test"


def free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address, without the transport."""
    if (server := shutil.which("turnserver")) is None:
        pytest.skip("needs coturn")
    folder = tmp_path_factory.mktemp("coturn")
    port = free_port(socket.SOCK_STREAM)
    log = folder / "log"
    with log.open("w") as file:
        process = subprocess.Popen(
            [
                server,
                *("-n", "--no-cli", "--no-tls", "--no-dtls", "--log-file=stdout", "--use-auth-secret"),
                *("--listening-ip=127.0.0.1", f"--listening-port={port}", "--relay-ip=127.0.0.1"),
                *("--allow-loopback-peers", "--realm=test.example", f"--static-auth-secret={SECRET}"),
                *(f"--userdb={folder / 'db'}", f"--pidfile={folder / 'pid'}"),
            ],
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        until = time.monotonic() + 60
        while True:
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.05)
        yield f"turn:127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def credentials(seconds: int, secret: str = SECRET) -> tuple[str, str]:
    return turn_credentials(secret, "test", int(time.time()) + seconds)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_an_allocation_and_a_packet_that_comes_back(relay: str, transport: str) -> None:
    url = f"{relay}?transport={transport}"
    found = await allocate(url, *credentials(600), seconds=30, back_to=(None, 0))
    assert found.arrived
    assert found.target[0] == found.mapped[0] == found.relayed[0] == "127.0.0.1"
    plain = await allocate(url, *credentials(600), seconds=30)
    assert plain.arrived is None


@pytest.mark.parametrize("given", [credentials(600, "another"), credentials(-60)])
async def test_a_wrong_secret_and_an_expired_credential_are_refused(relay: str, given: tuple[str, str]) -> None:
    with pytest.raises(RefusedError, match="401") as error:
        await allocate(relay, *given, seconds=30)
    assert error.value.code == 401


async def test_servers_that_are_not_there() -> None:
    away = free_port(socket.SOCK_STREAM)
    with pytest.raises(UnreachableError, match="Connection refused"):
        await allocate(f"turn:127.0.0.1:{away}?transport=tcp", "a", "b", seconds=30)
    with pytest.raises(UnreachableError, match=r"did not answer within 0\.2 s"):
        await allocate(f"turn:127.0.0.1:{away}", "a", "b", seconds=0.2)
    with pytest.raises(UnreachableError, match=r"did not answer within 0\.2 s"):
        await reflect(f"stun:127.0.0.1:{away}", seconds=0.2)
    for url in ("stun:a.example", "http://a.example", "turn:"):
        with pytest.raises(UsageError, match="not an address like"):
            await allocate(url, "a", "b", seconds=1)


async def test_the_address_that_we_are_seen_at(relay: str) -> None:
    assert (await reflect(relay, seconds=30))[0] == "127.0.0.1"


@pytest.mark.parametrize(
    ("secret", "state", "words"),
    [(SECRET, "ok", "relays from 127.0.0.1"), ("another", "fail", "the secret is not the one that it has")],
)
async def test_doctor_says_how_it_is(relay: str, secret: str, state: str, words: str) -> None:
    settings = load({"turn_urls": (relay,), "turn_secret": secret, "host": "0.0.0.0"})
    (turn,) = await asyncio.to_thread(lambda: list(check_relays(settings, Environment())))
    assert turn.state == state
    assert words in turn.detail
    if state == "ok":
        (udp,) = await asyncio.to_thread(lambda: list(check_udp(settings, Environment())))
        assert "came in at 127.0.0.1:" in udp.detail
