"""Which names the server answers to.

A page of evil.example may let its name point at this machine once it has loaded (DNS rebinding); it then calls us as
its own origin, and only the Host header tells. Without keys that would be enough to use the server, so names are
checked; with keys a request needs a key, and names are checked where somebody listed them.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from livehead.api.middleware.refusal import refuse
from livehead.errors import ForbiddenError, MalformedError, RequestError
from livehead.origins import Host, parse_address, parse_host


class HostNames:
    """``listed`` are names, ``*.example.com`` for all below one, or ``*`` for any; ``own`` are those that the server
    has by itself. With ``any_address`` it answers to every IP address: rebinding needs a name."""

    def __init__(self, listed: Sequence[str], own: Iterable[str] = (), *, any_address: bool = False) -> None:
        self._any = "*" in listed
        self._any_address = any_address
        self._names = frozenset(own) | {name for name in listed if "*" not in name}
        self._below = tuple(name.removeprefix("*") for name in listed if name.startswith("*."))

    def check(self, scope: Scope) -> None:
        """Raises ForbiddenError for a request to a name that is not the server's, and MalformedError where it has no
        Host header that can be read."""
        given = Headers(scope=scope).getlist("host")
        if not given and scope.get("http_version") == "1.0":
            return  # browsers always send one
        if len(given) != 1:
            raise MalformedError("A request has one Host header (RFC 9112 section 3.2).", problem="host")
        if self._any:
            return
        try:
            host = parse_host(given[0])
        except ValueError:
            raise MalformedError("The Host header names no host (RFC 9112 section 3.2).", problem="host") from None
        if not self._has(host, scope):
            raise _error(host)

    def _has(self, host: Host, scope: Scope) -> bool:
        if host.is_loopback or host.name in self._names or host.name.endswith(self._below):
            return True
        if host.address is None:
            return False
        local = scope.get("server")
        return self._any_address or (local is not None and parse_address(str(local[0])) == host.address)


class HostCheck:
    """ASGI middleware: refuses requests and WebSockets to names that are not the server's."""

    def __init__(self, app: ASGIApp, names: HostNames) -> None:
        self._app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            try:
                self._names.check(scope)
            except RequestError as error:
                await refuse(error, scope, receive, send)
                return
        await self._app(scope, receive, send)


def host_names(listed: Sequence[str], *, bound: str, keys: bool, insecure: bool) -> HostNames:
    """The names of a server that listens on the address ``bound``.

    ``insecure`` opens a server without keys to a network, where it is called by the machine's own name, as in
    http://mybox.local:8080, and by any of its addresses, which a router may translate. Others on that network could
    claim these names, too, but they reach the server as it is.
    """
    if keys and not listed:
        return HostNames(("*",))
    own = {bound.lower()}
    beyond = insecure and not keys and not _is_loopback(bound)
    if beyond:
        name = socket.gethostname().lower().rstrip(".")
        short = name.partition(".")[0]
        own |= {name, short, f"{short}.local"}
    return HostNames(listed, own, any_address=beyond)


def _is_loopback(bound: str) -> bool:
    address = parse_address(bound)
    return bound.lower() == "localhost" or (address is not None and address.is_loopback)


def _error(host: Host) -> ForbiddenError:
    return ForbiddenError(
        f"This server does not answer to the name {host.name}. If it is the server's, add it to "
        "LIVEHEAD_ALLOWED_HOSTS; see docs/configuration.md.",
        problem="host",
    )
