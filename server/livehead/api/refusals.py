"""A line in the log for each request that was refused for who made it, or how often."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from livehead.api.guard import address_of, owner_of
from livehead.api.services import Services
from livehead.errors import ForbiddenError, RateLimitError, UnauthorizedError


def note_refusal(connection: HTTPConnection, error: Exception, owner: str | None = None) -> None:
    """Note an error in the log if it is such a refusal. ``owner`` is the key's name where a message said it, and the
    request did not."""
    if not isinstance(error, UnauthorizedError | ForbiddenError | RateLimitError):
        return
    services: Services = connection.app.state.services
    method = connection.scope.get("method", "WebSocket")
    services.access.refused(
        error,
        address=address_of(connection),
        owner=owner_of(connection) if owner is None else owner,
        what=f"{method} {connection.scope['path']}",
    )
    services.metrics.requests.denied.labels(error.problem).inc()
