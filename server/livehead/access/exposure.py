"""How far a server without keys may be reached."""

from __future__ import annotations

import ipaddress
import socket

from livehead.access.access import find_key_file
from livehead.errors import UsageError
from livehead.settings import Settings


def check_exposure(settings: Settings) -> None:
    """Looks up the host's name, so not on the event loop. Raises UsageError for a host beyond this machine without
    keys and without ``insecure``."""
    server = settings.server
    if server.insecure or settings.access.api_keys or find_key_file(settings) is not None or is_loopback(server.host):
        return
    raise UsageError(
        f"--host {server.host} opens the server to others, and it has no keys. Make one with `livehead keys new NAME`, "
        "or let everybody in with --insecure."
    )


def is_loopback(host: str) -> bool:
    """Whether everything that ``host`` stands for is reached from this machine only. An unknown name is not, and is
    for others to refuse."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return all(ipaddress.ip_address(str(each[4][0]).partition("%")[0]).is_loopback for each in found)
