"""coturn as deploy/ starts it: Debian's, on this machine's own address, asked for allocations."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from aioice import stun, turn
from compose_file import DEPLOY, example, services
from programs import free_port, started

from livehead.api.ice import ice_servers
from livehead.settings import MediaSettings

SECRET = "a secret of both"
REALM = "head.example.com"
QUOTA = 12


@dataclass
class Relay:
    port: int

    @asynccontextmanager
    async def client(
        self, user: str, secret: str = SECRET, ttl: int = 600
    ) -> AsyncIterator[turn.TurnClientUdpProtocol]:
        """A client with a credential as the server makes it. Its socket is closed, its allocation left behind."""
        settings = MediaSettings(turn_urls=(f"turn:127.0.0.1:{self.port}",), turn_secret=secret, turn_ttl=600)
        (given,) = ice_servers(settings, user, now=None if ttl == 600 else ttl)
        transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: turn.TurnClientUdpProtocol(
                ("127.0.0.1", self.port), given["username"], given["credential"], lifetime=600, channel_refresh_time=500
            ),
            remote_addr=("127.0.0.1", self.port),
        )
        try:
            yield protocol
        finally:
            if protocol.refresh_task is not None:
                protocol.refresh_task.cancel()
            transport.close()


@contextmanager
def relaying(folder: Path, **environment: str) -> Iterator[Relay]:
    """start.sh, with addresses of a test. The environment is that of the compose file."""
    port = free_port(socket.SOCK_DGRAM)
    given = services(example(TURN_SECRET=SECRET, **environment))["turn"]["environment"]
    command = ["sh", DEPLOY / "coturn/start.sh", "--listening-ip=127.0.0.1", f"--listening-port={port}"]
    command += ["--relay-ip=127.0.0.1", f"--userdb={folder / 'turndb'}"]
    with started(command, folder / "turn.log", given, lambda log: "Relay ports initialization done" in log):
        yield Relay(port)


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    with relaying(tmp_path_factory.mktemp("turn")) as relay:
        yield relay


def refusal(error: pytest.ExceptionInfo[stun.TransactionFailed]) -> int:
    code = error.value.response.error_code
    assert code is not None
    return code


async def test_a_credential_of_the_server_opens_a_relay_to_public_addresses_only(relay: Relay) -> None:
    async with relay.client("one") as client:
        address = await client.connect()
        assert address[0] == "127.0.0.1"
        assert 49160 <= address[1] <= 49959
        await client.channel_bind(0x4000, ("8.8.8.8", 9))  # asks for a permission; nothing is sent there
        for number, peer in enumerate(
            ("10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1", "192.168.1.1", "224.0.0.1")
        ):
            with pytest.raises(stun.TransactionFailed) as error:
                await client.channel_bind(0x4100 + number, (peer, 9))
            assert refusal(error) == 403, peer


async def test_a_wrong_or_expired_credential_opens_none(relay: Relay) -> None:
    for secret, ttl in (("another", 600), (SECRET, 1)):
        async with relay.client("two", secret, ttl) as client:
            with pytest.raises(stun.TransactionFailed) as error:
                await client.connect()
            assert refusal(error) == 401


async def test_one_client_has_a_quota(relay: Relay) -> None:
    for _ in range(QUOTA):
        async with relay.client("greedy") as client:
            await client.connect()
    async with relay.client("greedy") as client:
        with pytest.raises(stun.TransactionFailed) as error:
            await client.connect()
        assert refusal(error) == 486
    async with relay.client("another") as client:
        await client.connect()


async def test_behind_nat_it_tells_its_public_address_and_reaches_the_server(tmp_path: Path) -> None:
    with relaying(tmp_path, PUBLIC_ADDRESS="198.51.100.7", TURN_ALLOWED_PEERS="10.0.0.5") as relay:
        async with relay.client("one") as client:
            assert (await client.connect())[0] == "198.51.100.7"
            await client.channel_bind(0x4000, ("10.0.0.5", 9))
            with pytest.raises(stun.TransactionFailed) as error:
                await client.channel_bind(0x4001, ("10.0.0.6", 9))
            assert refusal(error) == 403


def test_the_secret_is_not_on_the_command_line_and_must_be_given() -> None:
    run = subprocess.run(["sh", str(DEPLOY / "coturn/start.sh")], capture_output=True, text=True, env={"PATH": "/bin"})
    assert (run.returncode, run.stderr.strip().rpartition(": ")[2]) == (2, "set TURN_SECRET")
    assert "--static-auth-secret" not in (DEPLOY / "coturn/start.sh").read_text()
