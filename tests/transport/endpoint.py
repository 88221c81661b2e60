"""A server with a small application, on an event loop and in a thread of its own, and clients that need no library."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from echo_app import EchoApp

from livehead.metrics import Metrics
from livehead.settings import load
from livehead.transport.listening import listen
from livehead.transport.server import Server

PATIENCE_S = 20.0
"""How long a test waits for what must happen."""


@dataclass
class Endpoint:
    port: int
    app: EchoApp
    metrics: Metrics

    def refused(self, reason: str) -> int:
        """How many connections the server has ended for a reason."""
        found = re.search(rf'connections_refused_total\{{reason="{reason}"\}} (\S+)', self.metrics.render().decode())
        return int(float(found[1])) if found else 0

    @property
    def connections(self) -> int:
        found = re.search(r"^livehead_connections (\S+)", self.metrics.render().decode(), re.M)
        assert found
        return int(float(found[1]))

    def connect(self, address: str = "127.0.0.1", receive_buffer: int | None = None) -> socket.socket:
        """A connection from one of this machine's own addresses, 127.0.0.1 to 127.255.255.254."""
        client = socket.socket()
        client.settimeout(PATIENCE_S)
        if receive_buffer is not None:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.bind((address, 0))
        client.connect(("127.0.0.1", self.port))
        return client

    def get(self, path: str = "/healthz", address: str = "127.0.0.1") -> int:
        """The status that a new connection gets."""
        with self.connect(address) as client:
            client.sendall(request("GET", path))
            return status_of(read_answer(client))

    def websocket(self, path: str = "/v1/signal", address: str = "127.0.0.1") -> socket.socket:
        """A connection on which frames may be sent."""
        client = self.connect(address)
        client.sendall(upgrade(path))
        assert status_of(read_head(client)) == 101
        return client


@contextlib.contextmanager
def serving(*, loop: str = "uvloop", debug: bool = False, **given: Any) -> Iterator[Endpoint]:
    """``given`` are settings by name."""
    app, metrics = EchoApp(), Metrics()
    server = Server(app, load(given), metrics, debug=debug)
    server.config.loop = loop
    listener = listen("127.0.0.1", 0)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    port = listener.getsockname()[1]
    thread.start()
    try:
        eventually(lambda: server.started)
        yield Endpoint(port, app, metrics)
    finally:
        server.should_exit = True
        thread.join()


def eventually(holds: Callable[[], Any]) -> None:
    """Wait until something holds."""
    until = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.01)


def request(method: str, path: str, *fields: str, body: bytes = b"") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *fields]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def upgrade(path: str, *fields: str) -> bytes:
    return request(
        "GET",
        path,
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        *fields,
    )


TEXT, BINARY, CONT, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10


def frame(opcode: int, data: bytes = b"", *, fin: bool = True, length: int | None = None) -> bytes:
    """A client's frame (RFC 6455 section 5.2), masked with zeros; ``length`` is what it says, if not the data's."""
    size = len(data) if length is None else length
    head = bytes([opcode | (0x80 if fin else 0)])
    if size < 126:
        head += bytes([0x80 | size])
    elif size < 65536:
        head += bytes([0x80 | 126]) + size.to_bytes(2, "big")
    else:
        head += bytes([0x80 | 127]) + size.to_bytes(8, "big")
    return head + bytes(4) + data


def read_frame(client: socket.socket) -> tuple[int, bytes]:
    """The server's next short frame."""
    head = _read(client, 2)
    size = head[1]
    if size == 126:
        size = int.from_bytes(_read(client, 2), "big")
    return head[0] & 0x0F, _read(client, size)


def close_code(client: socket.socket) -> int:
    """The code with which the server closes; other frames are passed over."""
    while True:
        opcode, data = read_frame(client)
        if opcode == CLOSE:
            return int.from_bytes(data[:2], "big")


def read_head(client: socket.socket) -> bytes:
    """An answer's head, byte by byte, so that nothing after it is lost."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += _read(client, 1)
    return head


def read_answer(client: socket.socket) -> bytes:
    head = read_head(client)
    found = re.search(rb"content-length: (\d+)", head)
    return head + _read(client, int(found[1]) if found else 0)


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ")[1])


def ended(client: socket.socket) -> bool:
    """Wait for the server to end the connection; False if it sends something instead."""
    try:
        return client.recv(1) == b""
    except ConnectionError:
        return True


def send_all_it_takes(client: socket.socket, data: bytes) -> None:
    """Send, and mind no server that ends the connection on the way."""
    with contextlib.suppress(ConnectionError):
        client.sendall(data)


def send_until(client: socket.socket, data: bytes, error: type[Exception]) -> None:
    """Send again and again, until that raises an error."""
    with contextlib.suppress(error):
        while True:
            client.sendall(data)


def memory() -> int:
    """Bytes of this process that are resident."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _read(client: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = client.recv(size - len(data))
        if not piece:
            raise ConnectionError(f"the connection ended after {len(data)} of {size} bytes: {data!r}")
        data += piece
    return data
