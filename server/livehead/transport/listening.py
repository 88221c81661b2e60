"""The listening socket of the server's one port."""

from __future__ import annotations

import socket

from livehead.errors import LiveheadError

UNREAD_S = 30.0
"""How long a client may leave unread what was sent to it, before the kernel ends the connection."""


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
