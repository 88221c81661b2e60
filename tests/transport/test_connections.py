"""Connections are counted by client address and in all; idle ones make room."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from functools import partial

import pytest
from endpoint import ended, eventually, read_answer, request, serving, status_of

from livehead.errors import UsageError
from livehead.metrics import Metrics
from livehead.settings import load
from livehead.transport.connections import Connection, Connections
from livehead.transport.proxies import Proxies


@pytest.fixture
def clients() -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        opened: list[socket.socket] = []
        stack.callback(lambda: [client.close() for client in opened])
        yield opened


def test_five_hundred_idle_connections_keep_nobody_out(clients: list[socket.socket]) -> None:
    with serving(request_seconds=600) as endpoint:
        for number in range(512):
            clients.append(endpoint.connect(f"127.0.1.{number % 100 + 1}"))
        eventually(lambda: endpoint.connections == 512)
        assert endpoint.get() == 200
        for number in range(600):
            clients.append(endpoint.connect(f"127.0.2.{number % 100 + 1}"))
        assert endpoint.get() == 200
        assert endpoint.connections in (1023, 1024)
        assert endpoint.refused("total") > 80


def test_the_longest_idle_connection_makes_room(clients: list[socket.socket]) -> None:
    with serving(max_connections=8) as endpoint:
        busy = endpoint.connect("127.0.0.3")
        clients.append(busy)
        busy.sendall(request("GET", "/hold"))
        eventually(lambda: endpoint.app.clients)
        for number in range(7):
            clients.append(endpoint.connect(f"127.0.0.{number + 10}"))
            eventually(lambda: endpoint.connections == len(clients))
        clients[1].sendall(request("GET", "/healthz"))
        assert status_of(read_answer(clients[1])) == 200
        assert endpoint.get(address="127.0.0.2") == 200
        assert ended(clients[2])
        assert endpoint.get("/let-go", address="127.0.0.2") == 200
        assert status_of(read_answer(busy)) == 200
        clients[1].sendall(request("GET", "/healthz"))
        assert status_of(read_answer(clients[1])) == 200


def test_requests_that_never_end_make_room_at_last(clients: list[socket.socket]) -> None:
    with serving(max_connections=8) as endpoint:
        for number in range(8):
            client = endpoint.connect(f"127.0.0.{number + 10}")
            client.sendall(request("GET", "/wait"))
            clients.append(client)
            eventually(lambda: len(endpoint.app.clients) == len(clients))
        assert endpoint.get() == 200
        assert ended(clients[0])
        for client in clients:
            client.close()
        eventually(lambda: endpoint.app.hung_up == 8)


def test_websockets_are_not_closed_for_others_and_leave_room(clients: list[socket.socket]) -> None:
    with serving(max_connections=8) as endpoint:
        for number in range(6):
            clients.append(endpoint.websocket(address=f"127.0.0.{number + 10}"))
        with endpoint.connect() as client:
            client.sendall(request("GET", "/v1/signal", "Connection: Upgrade", "Upgrade: websocket"))
            answer = read_answer(client)
            assert status_of(answer) == 503
            assert b"retry-after: " in answer
        for number in range(10):
            clients.append(endpoint.connect(f"127.0.1.{number + 10}"))
        assert endpoint.get() == 200
        clients.pop(0).close()
        eventually(lambda: endpoint.connections < 8)
        clients.append(endpoint.websocket())


def test_one_address_displaces_itself_only(clients: list[socket.socket]) -> None:
    with serving(max_connections_per_address=4) as endpoint:
        other = endpoint.connect("127.0.0.2")
        clients.append(other)
        mine = [endpoint.websocket() for _ in range(3)]
        clients += mine
        idle = endpoint.connect()
        clients.append(idle)
        eventually(lambda: endpoint.connections == 5)
        assert endpoint.get() == 200
        assert ended(idle)
        eventually(lambda: endpoint.connections == 4)
        mine.append(endpoint.websocket())
        clients.append(mine[-1])
        with endpoint.connect() as client:
            assert ended(client), "all four are in use"
        assert endpoint.refused("address") == 2
        other.sendall(request("GET", "/healthz"))
        assert status_of(read_answer(other)) == 200


def test_a_trusted_proxy_has_no_bound_of_its_own_and_is_believed(clients: list[socket.socket]) -> None:
    with serving(max_connections_per_address=2, trusted_proxies=["127.0.0.2", "127.0.3.0/24"]) as endpoint:
        for address in ("127.0.0.2", "127.0.3.9") * 4:
            clients.append(endpoint.connect(address))
            clients[-1].sendall(request("GET", "/healthz", "X-Forwarded-For: 203.0.113.7, 127.0.0.2"))
            assert status_of(read_answer(clients[-1])) == 200
        assert endpoint.connections == 8
        assert endpoint.app.clients == ["203.0.113.7"] * 8


@pytest.mark.parametrize("trusted", [[], ["127.0.0.2"]])
def test_others_are_not_believed(trusted: list[str]) -> None:
    with serving(trusted_proxies=trusted) as endpoint, endpoint.connect() as client:
        client.sendall(request("GET", "/healthz", "X-Forwarded-For: 203.0.113.7", "X-Forwarded-Proto: https"))
        assert status_of(read_answer(client)) == 200
        assert endpoint.app.clients == ["127.0.0.1"]


@pytest.mark.parametrize("given", ["proxy.example", "10.0.0.1/8", "*", ""])
def test_a_proxy_is_an_address_or_a_network(given: str) -> None:
    with pytest.raises(UsageError, match="trusted_proxies"):
        Proxies([given])


def admit(connections: Connections, address: str) -> Connection | None:
    return connections.admit(address, lambda: None)


def test_a_network_of_ipv6_is_one_client() -> None:
    settings = load({"max_connections": 8, "max_connections_per_address": 2})
    connections = Connections(settings.limits, Proxies([]), Metrics())
    aborted: list[int] = []
    for last in (1, 2, 3, 4):
        assert connections.admit(f"2001:db8::{last}", partial(aborted.append, last))
    assert len(connections) == 2
    assert aborted == [1, 2]
    assert admit(connections, "2001:db8:0:1::1")
    assert admit(connections, "fe80::1%eth0")
    assert len(connections) == 4


def test_whatever_happens_the_counts_are_right() -> None:
    settings = load({"max_connections": 8, "max_connections_per_address": 3})
    connections = Connections(settings.limits, Proxies([]), Metrics())
    kept: list[Connection] = []
    for number in range(500):
        connection = admit(connections, f"10.0.0.{number % 5}")
        if connection is None:
            continue
        kept.append(connection)
        for each, step in ((kept[-1 - number % len(kept)], number % 7), (kept[number * 31 % len(kept)], number % 5)):
            match step:
                case 0:
                    each.occupy()
                case 1:
                    each.release()
                case 2:
                    each.become_socket()
                case 3 | 4:
                    each.forget()
                    each.forget()
        assert len(connections) <= 8
    for each in kept:
        each.forget()
    assert len(connections) == 0
    for _ in range(3):
        connection = admit(connections, "10.0.0.1")
        assert connection
        assert connection.become_socket(), "no socket is counted any more"
    assert admit(connections, "10.0.0.1") is None
