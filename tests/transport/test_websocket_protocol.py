"""WebSockets: messages that are too large or never end, floods of frames, and clients that stop halfway."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from endpoint import (
    BINARY,
    CONT,
    PING,
    PONG,
    TEXT,
    Endpoint,
    close_code,
    ended,
    eventually,
    frame,
    memory,
    read_answer,
    read_frame,
    send_all_it_takes,
    send_until,
    serving,
    status_of,
    upgrade,
)

from livehead.transport import server
from livehead.transport.http_protocol import MAX_LINE
from livehead.transport.websocket_protocol import MAX_MESSAGE, MAX_SPEECH, SMALL, max_message

MIB = 1024 * 1024
SPEECH = "/v1/sessions/one/speech"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    with serving(request_seconds=30) as endpoint:
        yield endpoint


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    monkeypatch.setattr(server, "CHECK_S", 0.02)
    with serving(request_seconds=0.3) as endpoint:
        yield endpoint


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/v1/signal", MAX_MESSAGE),
        ("/", MAX_MESSAGE),
        ("/v1/sessions/one/two/speech", MAX_MESSAGE),
        (SPEECH, MAX_SPEECH),
        ("/v1/sessions/one/s%70eech", MAX_SPEECH),
    ],
)
def test_a_message_is_as_large_as_its_path_allows(endpoint: Endpoint, path: str, most: int) -> None:
    assert max_message(path) == most
    with endpoint.websocket(f"{path}?rate=24000") as client:
        client.sendall(frame(BINARY, bytes(most)))
        assert read_frame(client) == (TEXT, b"bytes %d" % most)
        client.sendall(frame(BINARY, bytes(most - 5000), fin=False) + frame(CONT, bytes(5000)))
        assert read_frame(client) == (TEXT, b"bytes %d" % most)
        client.sendall(frame(BINARY, length=most + 1))
        assert close_code(client) == 1009
    with endpoint.websocket(path) as client:
        client.sendall(frame(BINARY, bytes(most - 5000), fin=False) + frame(CONT, length=5001))
        assert close_code(client) == 1009


@pytest.mark.parametrize("text", [b"\xff" * MAX_SPEECH, b"x" * (MAX_MESSAGE + 1)], ids=["no text", "text"])
def test_text_on_the_speech_socket_is_no_longer_than_on_others(endpoint: Endpoint, text: bytes) -> None:
    """To decode six megabytes of it would hold the event loop for tens of milliseconds."""
    before = endpoint.refused("size")
    with endpoint.websocket(f"{SPEECH}?rate=24000") as client:
        client.sendall(frame(TEXT, text[:MAX_MESSAGE]))
        assert read_frame(client)[0] == TEXT
        client.sendall(frame(TEXT, text[:5000], fin=False) + frame(CONT, text[5000:]))
        assert close_code(client) == 1009
    eventually(lambda: endpoint.connections == 0)
    assert endpoint.refused("size") == before + 1


def test_unfinished_messages_of_six_megabytes_take_no_memory(endpoint: Endpoint) -> None:
    before = memory()
    clients = [endpoint.websocket() for _ in range(60)]
    for client in clients:
        send_all_it_takes(client, frame(BINARY, bytes(6 * MIB - 100), length=6 * MIB))
    for client in clients:
        client.close()
    assert memory() - before < 20 * MIB
    eventually(lambda: endpoint.connections == 0)


def test_frames_wait_until_the_socket_is_accepted() -> None:
    with serving() as endpoint, endpoint.connect() as client:
        client.sendall(upgrade("/hang"))
        eventually(lambda: endpoint.app.clients)
        client.setblocking(False)
        send_until(client, frame(PING) * 10_000, BlockingIOError)
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.recv(1)
        assert endpoint.get() == 200


@pytest.mark.parametrize(
    "flood",
    [
        frame(PING, b"x" * 100),
        frame(PONG),
        frame(CONT, fin=False),
        frame(CONT, b"x" * 100, fin=False),
        frame(PING) + frame(CONT, b"x", fin=False),
    ],
    ids=["ping", "pong", "empty fragments", "small fragments", "both"],
)
def test_a_flood_of_frames_that_are_no_messages_ends_the_socket(endpoint: Endpoint, flood: bytes) -> None:
    before = memory(), endpoint.refused("flood")
    with endpoint.websocket() as client:
        send_all_it_takes(client, frame(TEXT, b"x", fin=False) + flood * 1000)
        assert close_code(client) == 1008
        send_all_it_takes(client, flood * 100)
        assert ended(client)
    eventually(lambda: endpoint.connections == 0)
    assert endpoint.refused("flood") == before[1] + 1
    assert endpoint.app.closed[-1] == 1008
    assert memory() - before[0] < 10 * MIB


def test_honest_fragments_and_pings_are_answered(endpoint: Endpoint) -> None:
    with endpoint.websocket(SPEECH) as client:
        client.sendall(frame(BINARY, bytes(SMALL), fin=False) + frame(CONT, bytes(SMALL), fin=False) * 1000)
        client.sendall(frame(PING, b"one") + frame(CONT, bytes(10)))
        assert read_frame(client) == (PONG, b"one")
        assert read_frame(client) == (TEXT, b"bytes %d" % (SMALL * 1001 + 10))


@pytest.mark.parametrize(
    "beginning",
    [
        b"\x82",
        frame(BINARY, length=1000),
        frame(BINARY, b"x", length=1000),
        frame(TEXT, b"x") + frame(TEXT, b"x", length=100_000),
        frame(TEXT, b"x", fin=False),
        frame(TEXT, fin=False) + frame(PING),
        frame(TEXT, b"x" * 2000, fin=False) + frame(CONT, b"x" * 2000, fin=False),
    ],
)
def test_a_client_that_stops_halfway_is_dropped(hasty: Endpoint, beginning: bytes) -> None:
    with hasty.websocket() as client:
        client.sendall(beginning)
        assert close_code(client) == 1008
        assert ended(client)
    assert hasty.refused("timeout") == 1
    eventually(lambda: hasty.app.closed == [1008])


def test_a_message_that_comes_byte_by_byte_is_not_waited_for(hasty: Endpoint) -> None:
    with hasty.websocket() as client:
        client.sendall(frame(TEXT, length=100_000))
        client.settimeout(0.02)
        opcode = None
        while opcode is None:
            client.sendall(b"x")
            try:
                opcode = client.recv(1)
            except TimeoutError:
                continue
        assert opcode == b"\x88"


def test_a_quiet_socket_stays(hasty: Endpoint) -> None:
    with hasty.websocket() as client:
        client.sendall(frame(TEXT, b"hello"))
        assert read_frame(client) == (TEXT, b"text 5")
        client.settimeout(1.0)
        with pytest.raises(TimeoutError):
            client.recv(1)
        client.settimeout(5.0)
        client.sendall(frame(TEXT, b"still here"))
        assert read_frame(client) == (TEXT, b"text 10")


def test_a_socket_that_is_never_accepted_is_dropped(hasty: Endpoint) -> None:
    with hasty.connect() as client:
        client.sendall(upgrade("/hang"))
        assert ended(client)
    assert hasty.refused("timeout") == 1


@pytest.mark.parametrize(
    ("fields", "path", "status"),
    [
        (["Content-Length: 5"], "/v1/signal", 400),
        (["X: " + "x" * MAX_LINE], "/v1/signal", 431),
        ([], "/v1/signal?token=" + "x" * (MAX_LINE - 18), 431),
        (["X: " + "x" * (MAX_LINE - 10)], "/v1/signal", 101),
        ([], "/v1/signal?token=" + "x" * (MAX_LINE - 40), 101),
    ],
)
def test_a_handshake_that_the_library_cannot_read_is_refused(
    endpoint: Endpoint, fields: list[str], path: str, status: int
) -> None:
    with endpoint.connect() as client:
        client.sendall(upgrade(path, *fields))
        assert status_of(read_answer(client)) == status
        if status != 101:
            assert ended(client)
