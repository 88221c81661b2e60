"""TLS as it is served: which versions, and how long a handshake may take."""

from __future__ import annotations

import socket
import ssl
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from endpoint import Endpoint, close_code, ended, eventually, frame, read_answer, request, serving, status_of, upgrade

from livehead.transport import http_protocol, listening, server
from transport.certificates import write_pair

VERSIONS = {
    "TLSv1": (ssl.TLSVersion.TLSv1, False),
    "TLSv1.1": (ssl.TLSVersion.TLSv1_1, False),
    "TLSv1.2": (ssl.TLSVersion.TLSv1_2, True),
    "TLSv1.3": (ssl.TLSVersion.TLSv1_3, True),
}


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def loop(request: pytest.FixtureRequest) -> str:
    """``livehead serve`` runs on uvloop; tests run on asyncio's loop."""
    return str(request.param)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_pair(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def endpoint(loop: str, pair: tuple[Path, Path]) -> Iterator[Endpoint]:
    with serving(loop=loop, tls_cert=pair[0], tls_key=pair[1]) as endpoint:
        yield endpoint


@pytest.fixture
def hasty(loop: str, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    monkeypatch.setattr(server, "CHECK_S", 0.02)
    monkeypatch.setattr(server, "HANDSHAKE_S", 0.3)
    monkeypatch.setattr(server, "KEEP_ALIVE_S", 0.3)
    monkeypatch.setattr(server, "SHUTDOWN_S", 0.3)
    monkeypatch.setattr(http_protocol, "LINGER_S", 0.3)
    monkeypatch.setattr(listening, "UNREAD_S", 0.5)
    with serving(loop=loop, tls_cert=pair[0], tls_key=pair[1], request_seconds=0.3) as endpoint:
        yield endpoint


def secure(client: socket.socket, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the client offers what the server is to refuse
        context.minimum_version = context.maximum_version = version
    context.set_ciphers("ALL:@SECLEVEL=0")  # OpenSSL does not offer old versions otherwise
    return context.wrap_socket(client)


@pytest.mark.parametrize("name", VERSIONS)
def test_old_versions_are_refused(endpoint: Endpoint, name: str) -> None:
    version, served = VERSIONS[name]
    with endpoint.connect() as client:
        if not served:
            with pytest.raises(ssl.SSLError, match=r"ALERT_PROTOCOL_VERSION|EOF_WHILE_READING"):
                secure(client, version)
            return
        with secure(client, version) as secured:
            assert secured.version() == name
            secured.sendall(request("GET", "/healthz"))
            assert status_of(read_answer(secured)) == 200
    eventually(lambda: endpoint.connections == 0)


def test_a_client_that_says_nothing_is_dropped(hasty: Endpoint) -> None:
    with hasty.connect() as client:
        eventually(lambda: hasty.connections == 1)
        assert ended(client)
    eventually(lambda: hasty.refused("tls") == 1)
    assert hasty.connections == 0


def test_plain_http_is_dropped(endpoint: Endpoint) -> None:
    with endpoint.connect() as client:
        client.sendall(request("GET", "/healthz"))
        while not ended(client):
            pass
    eventually(lambda: endpoint.connections == 0)


def test_connections_are_counted_before_the_handshake(loop: str, pair: tuple[Path, Path]) -> None:
    with serving(loop=loop, tls_cert=pair[0], tls_key=pair[1], max_connections_per_address=4) as endpoint:
        silent = [endpoint.connect() for _ in range(5)]
        assert ended(silent[0])
        eventually(lambda: endpoint.connections == 4)
        with secure(endpoint.connect()) as secured:
            secured.sendall(request("GET", "/healthz"))
            assert status_of(read_answer(secured)) == 200
            assert ended(silent[1])
        for client in silent:
            client.close()
        eventually(lambda: endpoint.connections == 0)


def test_time_outs_hold_behind_the_handshake(hasty: Endpoint) -> None:
    with secure(hasty.connect()) as secured:
        assert ended(secured)
    with secure(hasty.connect()) as secured:
        secured.sendall(b"GET / HT")
        assert status_of(read_answer(secured)) == 408
        assert ended(secured)
    with secure(hasty.connect()) as secured:
        secured.sendall(request("GET", "/healthz"))
        assert status_of(read_answer(secured)) == 200
        assert ended(secured)
    with secure(hasty.connect()) as secured:
        secured.sendall(upgrade("/v1/signal"))
        assert status_of(read_answer(secured)) == 101
        secured.sendall(frame(1, b"x", length=100))
        assert close_code(secured) == 1008
        assert ended(secured)
    eventually(lambda: hasty.connections == 0)


def test_an_answer_that_nobody_reads_ends_the_connection(hasty: Endpoint) -> None:
    with secure(hasty.connect(receive_buffer=4096)) as secured:
        secured.sendall(request("GET", "/large"))
        eventually(lambda: hasty.connections == 0)


def test_the_server_ends_with_handshakes_in_progress(loop: str, pair: tuple[Path, Path]) -> None:
    with serving(loop=loop, tls_cert=pair[0], tls_key=pair[1]) as endpoint:
        clients = [endpoint.connect() for _ in range(3)]
        eventually(lambda: endpoint.connections == 3)
    for client in clients:
        assert ended(client)
        client.close()
