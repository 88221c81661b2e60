"""The listening socket of the server's one port."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable

from livehead.errors import LiveheadError

UNREAD_S = 30.0
"""How long a client may leave unread what was sent to it, before the kernel ends the connection."""

AT_ONCE = 16
"""Connections accepted before others have their turn."""

FULL_S = 0.2
"""How long none is accepted after the process has run out of file descriptors."""

logger = logging.getLogger(__name__)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 picks a free one. Raises LiveheadError in one line that says what to do."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=256)
        # Accepted sockets inherit it. Bytes that are not acknowledged count, and bytes for which there is no window,
        # even after the connection was closed (RFC 5482, tcp(7)).
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(UNREAD_S * 1000))
        return listener
    except socket.gaierror:
        raise LiveheadError(f"{host} is not an address of this machine. Choose another with --host.") from None
    except PermissionError:
        raise LiveheadError(f"Port {port} needs administrator rights. Choose one above 1023 with --port.") from None
    except OSError as error:
        raise LiveheadError(
            f"Cannot listen on port {port} of {host}: {error.strerror or error}. "
            "Stop the program that uses it, or choose another with --port."
        ) from None


class Listener:
    """Gives every connection to ``accept``, with the client's address, from now until :meth:`close`.

    The event loop's own server tells of a connection once its TLS handshake is over, which is too late to count it, and
    has no limit on how many it accepts at once.
    """

    def __init__(self, listener: socket.socket, accept: Callable[[socket.socket, str], None]) -> None:
        listener.setblocking(False)
        self._listener = listener
        self._accept = accept
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.TimerHandle | None = None
        self._loop.add_reader(listener, self._accept_some)

    def close(self) -> None:
        """Accept no more. May be called twice."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        if self._listener.fileno() >= 0:
            self._loop.remove_reader(self._listener)
            self._listener.close()

    async def wait_closed(self) -> None:
        """Nothing is left to be waited for."""

    def _accept_some(self) -> None:
        for _ in range(AT_ONCE):
            try:
                accepted, address = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                logger.warning("no connection can be accepted: %s", error)
                self._loop.remove_reader(self._listener)
                self._waiting = self._loop.call_later(FULL_S, self._go_on)
                return
            accepted.setblocking(False)
            self._accept(accepted, str(address[0]))

    def _go_on(self) -> None:
        self._waiting = None
        self._loop.add_reader(self._listener, self._accept_some)
