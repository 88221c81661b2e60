"""Requests that are too large, too slow, too many, or whose answers nobody reads."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator

import pytest
from endpoint import (
    Endpoint,
    ended,
    eventually,
    memory,
    read_answer,
    request,
    send_all_it_takes,
    send_until,
    serving,
    status_of,
)

from livehead.transport import http_protocol, listening, server
from livehead.transport.http_protocol import MAX_FIELDS, MAX_HEAD, MAX_URL

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    with serving(request_seconds=30) as endpoint:
        yield endpoint


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    """A server with time-outs of half a second and less."""
    monkeypatch.setattr(server, "CHECK_S", 0.02)
    monkeypatch.setattr(server, "KEEP_ALIVE_S", 0.3)
    monkeypatch.setattr(http_protocol, "LINGER_S", 0.3)
    monkeypatch.setattr(listening, "UNREAD_S", 0.5)
    with serving(request_seconds=0.3) as endpoint:
        yield endpoint


def field(size: int) -> str:
    return f"X: {'x' * size}"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (request("GET", "/healthz"), 200),
        (request("GET", "/healthz", *["X: y"] * (MAX_FIELDS - 1)), 200),
        (request("GET", "/healthz", *["X: y"] * MAX_FIELDS), 431),
        (request("GET", "/healthz", field(MAX_HEAD - 100)), 200),
        (request("GET", "/healthz", field(MAX_HEAD)), 431),
        (request("GET", "/healthz", *[field(1000)] * 32), 200),
        (request("GET", "/healthz", *[field(1000)] * 33), 431),
        (request("GET", "/" + "x" * (MAX_URL - 1)), 200),
        (request("GET", "/" + "x" * MAX_URL), 414),
        (b"GET / HTTP/1.1\r\n" + b"X" * (MAX_HEAD + 5000), 431),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * (MAX_HEAD + 5000), 431),
        (b"GET /" + b"x" * (MAX_URL + 5000), 414),
        (b"\r\n" * MAX_HEAD, 431),
        (b"noise\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00", 400),
        (b"CONNECT evil:80 HTTP/1.1\r\nHost: evil:80\r\n\r\n", 400),
        (request("GET", "/\xff"), 400),
        (request("POST", "/read", "Transfer-Encoding: chunked") + b"1\r\nx\r\n0\r\n" + b"X: y\r\n" * 200, 431),
        (request("POST", "/read", "Transfer-Encoding: chunked") + b"1;" + b"x" * 2 * MAX_HEAD, 431),
        (request("POST", "/read", "Transfer-Encoding: chunked") + b"1\r\nx\r\n" * 50_000 + b"0\r\n\r\n", 200),
        (request("POST", "/read", body=bytes(5 * MIB)), 200),
    ],
    ids=lambda value: str(value)[:40],
)
def test_heads_are_bounded(endpoint: Endpoint, head: bytes, status: int) -> None:
    with endpoint.connect() as client:
        client.sendall(head)
        answer = read_answer(client)
        assert status_of(answer) == status
        if status != 200:
            assert b"content-type: application/problem+json\r\n" in answer
            problem = json.loads(answer.partition(b"\r\n\r\n")[2])
            assert problem["status"] == status
            assert problem["type"].startswith("urn:livehead:")
            assert problem["title"]
            assert problem["detail"]
            assert ended(client)
    eventually(lambda: endpoint.connections == 0)


@pytest.mark.parametrize("piece", [b"X: y\r\n" * 1000, b"x" * 6000], ids=["many fields", "one long field"])
def test_a_hundred_megabytes_of_headers_take_no_memory(endpoint: Endpoint, piece: bytes) -> None:
    before = memory()
    with endpoint.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\nX: ")
        for _ in range(100 * MIB // len(piece)):
            send_all_it_takes(client, piece)
    assert memory() - before < 20 * MIB
    assert endpoint.get() == 200


def test_bodies_that_are_not_read_do_not_pile_up(endpoint: Endpoint) -> None:
    before = memory()
    clients = [endpoint.connect() for _ in range(20)]
    for client in clients:
        client.setblocking(False)
        client.send(request("POST", "/wait", f"Content-Length: {100 * MIB}"))
        send_until(client, bytes(MIB), BlockingIOError)
    assert endpoint.get() == 200
    assert memory() - before < 20 * MIB
    for client in clients:
        client.close()
    eventually(lambda: endpoint.app.hung_up >= 20)


def test_a_body_that_goes_on_after_the_answer_ends_the_connection(hasty: Endpoint) -> None:
    with hasty.connect() as client:
        client.sendall(request("POST", "/healthz", f"Content-Length: {2**40}"))
        assert status_of(read_answer(client)) == 200
        send_until(client, bytes(MIB), ConnectionError)
    assert hasty.refused("timeout") == 1


def test_a_short_body_that_comes_after_the_answer_keeps_the_connection(endpoint: Endpoint) -> None:
    with endpoint.connect() as client:
        for _ in range(3):
            client.sendall(request("POST", "/healthz", "Content-Length: 5"))
            assert status_of(read_answer(client)) == 200
            client.sendall(b"12345")
        client.sendall(request("POST", "/read", body=b"123"))
        assert read_answer(client).endswith(b'{"read": 3}')


def test_pipelined_requests_are_answered_in_order_and_wait_unparsed(endpoint: Endpoint) -> None:
    before = memory()
    with endpoint.connect() as client:
        for size in range(100):
            client.sendall(request("POST", "/read", body=bytes(size)))
        for size in range(100):
            assert read_answer(client).endswith(b'{"read": %d}' % size)
    with endpoint.connect() as client:
        client.setblocking(False)
        client.send(request("GET", "/hold"))
        send_until(client, request("GET", "/healthz") * 10_000, BlockingIOError)
        assert endpoint.get() == 200
        assert endpoint.get("/let-go") == 200
        assert memory() - before < 20 * MIB
    eventually(lambda: endpoint.connections == 0)


def test_a_broken_request_behind_a_good_one_spoils_no_answer(endpoint: Endpoint) -> None:
    with endpoint.connect() as client:
        client.sendall(request("POST", "/read", body=b"1234") + b"noise\r\n\r\n")
        assert read_answer(client).endswith(b'{"read": 4}')
        assert ended(client)


@pytest.mark.parametrize(
    ("beginning", "status"),
    [
        (b"", None),
        (b"\r\n", 408),
        (b"GET / HT", 408),
        (request("GET", "/healthz")[:-2], 408),
        (request("POST", "/read", "Content-Length: 10"), 408),
        (request("POST", "/read", "Content-Length: 10") + b"12345", 408),
        (request("POST", "/read", "Transfer-Encoding: chunked") + b"1\r\nx\r\n", 408),
    ],
    ids=lambda value: str(value)[:60],
)
@pytest.mark.parametrize("earlier", [0, 1])
def test_a_client_that_stops_halfway_is_dropped(
    hasty: Endpoint, beginning: bytes, status: int | None, earlier: int
) -> None:
    with hasty.connect() as client:
        for _ in range(earlier):
            client.sendall(request("GET", "/healthz"))
            read_answer(client)
        client.sendall(beginning)
        if status is not None:
            assert status_of(read_answer(client)) == status
        assert ended(client)
        assert hasty.refused("timeout") == (0 if not beginning and earlier else 1)
    eventually(lambda: hasty.connections == 0)


def test_a_client_that_sends_a_byte_now_and_then_is_dropped(hasty: Endpoint) -> None:
    with hasty.connect() as client:
        client.settimeout(0.05)
        client.sendall(request("POST", "/read", "Content-Length: 100000"))
        answer = b""
        while not answer:
            client.sendall(b"x")
            with contextlib.suppress(TimeoutError):
                answer = client.recv(100)
        assert status_of(answer) == 408
    eventually(lambda: hasty.app.hung_up == 1)


def test_a_slow_body_is_read_as_long_as_it_brings_enough(hasty: Endpoint) -> None:
    with hasty.connect() as client:
        client.sendall(request("POST", "/read", "Content-Length: 200000"))
        client.settimeout(0.01)
        for _ in range(49):
            client.sendall(bytes(4000))
            with pytest.raises(TimeoutError):
                client.recv(1)
        client.settimeout(5)
        client.sendall(bytes(4000))
        assert read_answer(client).endswith(b'{"read": 200000}')


def test_a_request_that_takes_the_application_long_is_not_timed(hasty: Endpoint) -> None:
    with hasty.connect() as client:
        client.settimeout(1.0)
        client.sendall(request("GET", "/wait"))
        with pytest.raises(TimeoutError):
            client.recv(1)
    eventually(lambda: hasty.app.hung_up == 1)


def test_an_answer_that_nobody_reads_ends_the_connection(hasty: Endpoint) -> None:
    client = hasty.connect(receive_buffer=4096)
    client.sendall(request("GET", "/large"))
    eventually(lambda: hasty.connections == 1)
    eventually(lambda: hasty.connections == 0)
    client.close()


def test_nothing_is_said_in_the_log(endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    with endpoint.connect() as client:
        client.sendall(b"noise\r\n\r\n")
        read_answer(client)
    with endpoint.connect() as client:
        client.sendall(request("GET", "/healthz", "Connection: upgrade", "Upgrade: h2c"))
        assert status_of(read_answer(client)) == 200
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]


def test_metrics_count_what_was_refused(endpoint: Endpoint) -> None:
    text = endpoint.metrics.render().decode()
    assert re.search(r'livehead_connections_refused_total\{reason="head-too-large"\} \d', text)
    assert endpoint.refused("malformed") > 0
