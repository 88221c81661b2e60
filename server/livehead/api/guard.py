"""Who may use a route. Each states it in its signature, and gets the identity:

    async def get_session(identity: Annotated[Identity, Depends(Guard(Role.VIEW))]) -> …

The application does not start with a route that states nothing.
"""

# no `from __future__ import annotations`: older FastAPI resolves the names only where the dependency is a function
from collections.abc import Iterable, Iterator
from dataclasses import replace
from enum import Enum

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute

from livehead.api.services import Services, ServicesDep
from livehead.core.identity import Identity, Role
from livehead.errors import ForbiddenError, UnauthorizedError
from livehead.settings import OpenRoute

BEARER = "bearer "


class Needs(Enum):
    """What a route needs that is no role: nothing; a credential, whatever its roles; an API key itself."""

    NOTHING = "nothing"
    CREDENTIAL = "a token or a key"
    KEY = "a key"


class Guard:
    """A dependency. ``unless`` names the setting that opens the route to everybody. ``deferred`` is for sockets whose
    first message may bring the token: without one in the request there is no identity yet, and it is None."""

    def __init__(self, needs: Role | Needs, *, unless: OpenRoute | None = None, deferred: bool = False) -> None:
        self.needs = needs
        self._unless = unless
        self._deferred = deferred

    async def __call__(self, connection: HTTPConnection, services: ServicesDep) -> Identity | None:
        """Raises UnauthorizedError, ForbiddenError and RateLimitError."""
        credential, in_url = credential_of(connection)
        if connection.scope["type"] == "websocket":
            services.access.count_socket(address_of(connection))
        if self.needs is Needs.NOTHING or self._unless in services.settings.access.open_routes:
            return None
        if self._deferred and credential is None and not services.access.open:
            return None
        identity = identify(connection, credential, in_url=in_url)
        connection.state.owner = identity.owner  # for the line in the log if this is refused
        self.check(identity)
        return identity

    def check(self, identity: Identity) -> None:
        """Raises ForbiddenError where the identity does not have what the route needs."""
        if isinstance(self.needs, Role):
            identity.check_role(self.needs)
        elif self.needs is Needs.KEY and not identity.is_key:
            raise ForbiddenError("This needs an API key; a token is not enough.", problem="role")


def credential_of(connection: HTTPConnection) -> tuple[str | None, bool]:
    """The API key or token of a request, and whether it stood in the URL, which is read for WebSockets only: a
    browser gives those no header (RFC 6750 section 2.1 and 2.3). Raises UnauthorizedError for another scheme."""
    header = connection.headers.get("authorization")
    if header is not None:
        if not header.lower().startswith(BEARER):
            raise UnauthorizedError("Send the key or token as `Authorization: Bearer …`.")
        return header[len(BEARER) :].strip() or None, False
    if connection.scope["type"] == "websocket":
        return connection.query_params.get("token") or None, True
    return None, False


def address_of(connection: HTTPConnection) -> str:
    """The client's address: of the TCP connection, or what a trusted proxy says."""
    return connection.client.host if connection.client is not None else "unknown"


def identify(connection: HTTPConnection, credential: str | None, *, in_url: bool = False) -> Identity:
    """Raises UnauthorizedError and RateLimitError."""
    services: Services = connection.app.state.services
    identity = services.access.identify(credential, address_of(connection), in_url=in_url)
    return replace(identity, behind_proxy=True) if _is_behind_proxy(connection) else identity


def _is_behind_proxy(connection: HTTPConnection) -> bool:
    """Whether a proxy says that it passes the request on, and is not among the trusted ones: for those uvicorn puts the
    client's address in place of theirs, with port 0."""
    forwarded = "x-forwarded-for" in connection.headers or "forwarded" in connection.headers
    return forwarded and connection.client is not None and connection.client.port != 0


def owner_of(connection: HTTPConnection) -> str:
    """The name of the key that a request showed, as far as it was checked."""
    return str(getattr(connection.state, "owner", ""))


def verify_guards(routes: Iterable[BaseRoute]) -> None:
    """Raises RuntimeError with the path of the first route that does not state who may use it."""
    for route in routes:
        guards = list(guards_of(route))
        if len(guards) != 1:
            path = getattr(route, "path", route)
            raise RuntimeError(f"{path} has {len(guards)} guards; every route must have one: see livehead.api.guard")


def guards_of(route: BaseRoute) -> Iterator[Guard]:
    """The guards that a route depends on."""
    if isinstance(route, APIRoute | APIWebSocketRoute):
        yield from _guards(route.dependant)


def _guards(dependant: Dependant) -> Iterator[Guard]:
    for each in dependant.dependencies:
        if isinstance(each.call, Guard):
            yield each.call
        yield from _guards(each)
