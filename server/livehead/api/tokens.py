"""POST /v1/tokens: a backend makes a token with its API key, for a client that must not have the key."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import ValidationError

from livehead.access.tokens import Grant
from livehead.api.body import JSON, read_json
from livehead.api.guard import Guard, Needs
from livehead.api.services import ServicesDep
from livehead.core.identity import Identity, Role
from livehead.errors import UnprocessableError

router = APIRouter(tags=["access"])


@router.post(
    "/v1/tokens",
    summary="Make a token for a client, with an API key",
    responses={
        400: {"description": "No JSON object"},
        401: {"description": "No API key, or a wrong one"},
        403: {"description": "A token cannot make tokens"},
        413: {"description": "The body is too large"},
        415: {"description": f"The body is not {JSON}"},
        422: {"description": "No roles, an unknown field, or a value that cannot be"},
        429: {"description": "Too many; Retry-After says when to come back"},
    },
    openapi_extra={"requestBody": {"required": True, "content": {JSON: {"schema": Grant.model_json_schema()}}}},
)
async def make_token(
    request: Request,
    response: Response,
    services: ServicesDep,
    identity: Annotated[Identity, Depends(Guard(Needs.KEY))],
) -> dict[str, Any]:
    """``expires_in`` is in seconds."""
    grant = read_grant(await read_json(request))
    if grant.avatar is not None:
        await services.avatars.refresh(grant.avatar)
        services.avatars.get(grant.avatar, identity.owner)
    response.headers["Cache-Control"] = "no-store"
    services.metrics.requests.tokens.inc()
    return {"token": services.access.make_token(identity, grant), "expires_in": services.access.token_seconds}


MAX_ROLES = 16
"""Roles that are looked at."""


def read_grant(body: dict[str, Any]) -> Grant:
    """Raises UnprocessableError, naming the field and what it must be."""
    roles = body.get("roles")
    try:
        if isinstance(roles, list) and len(roles) > MAX_ROLES:  # each wrong one would be told
            raise TypeError(f'"roles": there are {len(Role)}, and not {len(roles)}')
        if unknown := body.keys() - Grant.model_fields.keys():
            raise TypeError(f'"{min(unknown)[:80]}": there is no such field')
        return Grant(**body)
    except (ValidationError, TypeError) as error:
        found = error.errors() if isinstance(error, ValidationError) else []
        wrong = "; ".join(f'"{".".join(str(part) for part in each["loc"])}": {each["msg"]}' for each in found)
        raise UnprocessableError(
            f"A token needs roles, a list of open, view, speak and hear, and may have avatar, source, session, "
            f"max_seconds and uses. {wrong or error}"
        ) from None
