"""What routes answer besides what each states itself, for the API's description: the refusals of their guards."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from livehead.api.guard import Needs, guards_of
from livehead.api.problems import ProblemResponse

PROBLEM: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
}
"""RFC 9457."""

REFUSALS = {
    401: "No valid API key or token, where the server has keys",
    403: "The token does not allow this, or the page or the host is not one of the server's",
    429: "Too many requests; Retry-After says when to come back",
}


def describe_refusals(routes: Iterable[BaseRoute]) -> None:
    """Add to the description of each route with a guard how it refuses, and to every error the form it has. May be
    called twice."""
    for route in routes:
        if not isinstance(route, APIRoute) or not route.include_in_schema:
            continue
        [guard] = guards_of(route)
        if guard.needs is not Needs.NOTHING:
            for status, description in REFUSALS.items():
                route.responses.setdefault(status, {"description": description})
        if route.dependant.path_params or route.dependant.query_params:
            route.responses.setdefault(422, {"description": "A parameter is not what it must be"})
        for code, response in route.responses.items():
            if int(code) >= 400:
                response.setdefault("content", {ProblemResponse.media_type: {"schema": PROBLEM}})
