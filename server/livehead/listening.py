"""The listening socket of the one port, or the reason why there is none."""

from __future__ import annotations

import socket

from livehead.errors import LiveheadError


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises LiveheadError in words fit for the user."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=256)
    except socket.gaierror:
        raise LiveheadError(f"{host} is no address of this machine. Choose another with --host.") from None
    except PermissionError:
        raise LiveheadError(f"Port {port} needs more rights. Choose one above 1023 with --port.") from None
    except OSError as error:
        raise LiveheadError(
            f"Port {port} of {host} cannot be had: {error.strerror or error}. "
            "Stop the program that has it, or choose another with --port."
        ) from None
