"""GET /v1/avatars/{id}/idle: a portrait that breathes and blinks, to be shown before there is a call."""

from __future__ import annotations

import hashlib
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from livehead.api.guard import Guard, Needs
from livehead.api.services import ServicesDep
from livehead.core.identity import Identity

router = APIRouter(prefix="/v1/avatars", tags=["avatars"])

AGAIN_S = 2
"""When to ask again for a film that is being made."""


@router.get(
    "/{avatar_id}/idle",
    summary="A short film of an avatar that is silent, without an end that is seen",
    response_class=Response,
    responses={
        200: {"description": "An MP4 (H.264, no sound), made once by the engine", "content": {"video/mp4": {}}},
        202: {"description": "It is made when the engine has time; Retry-After says when to ask again"},
        304: {"description": "The client has it"},
        404: {"description": "No such avatar, or none that the engine can animate"},
    },
)
async def get_idle_film(
    avatar_id: str,
    request: Request,
    services: ServicesDep,
    identity: Annotated[Identity, Depends(Guard(Needs.CREDENTIAL))],
) -> Response:
    await services.avatars.refresh(avatar_id)
    film = services.idle_films.get(avatar_id, identity.owner)
    if film is None:
        return Response(status_code=202, headers={"Retry-After": str(AGAIN_S), "Cache-Control": "no-store"})
    tag = f'"{hashlib.sha256(film).hexdigest()[:20]}"'
    headers = {"ETag": tag, "Cache-Control": "private, max-age=3600"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(film, media_type="video/mp4", headers=headers)
