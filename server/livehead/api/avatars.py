"""The avatars there are, and their images."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Response

from livehead.api.guard import Guard, Needs
from livehead.api.services import ServicesDep
from livehead.avatars import Avatar

router = APIRouter(prefix="/v1/avatars", tags=["avatars"])


@router.get("", summary="Every portrait that can be chosen, by id", dependencies=[Depends(Guard(Needs.CREDENTIAL))])
async def list_avatars(services: ServicesDep) -> list[dict[str, Any]]:
    return [describe(avatar) for avatar in services.avatars.list()]


@router.get(
    "/{avatar_id}/image",
    summary="An avatar's image",
    response_class=Response,
    responses={404: {"description": "No such avatar"}},
    dependencies=[Depends(Guard(Needs.NOTHING))],  # those there are come with the package
)
async def get_image(avatar_id: str, services: ServicesDep) -> Response:
    avatar = services.avatars.get(avatar_id)
    headers = {"Cache-Control": "public, max-age=3600", "X-Content-Type-Options": "nosniff"}
    return Response(await services.avatars.image(avatar_id), media_type=avatar.media_type, headers=headers)


def describe(avatar: Avatar) -> dict[str, Any]:
    """An avatar as clients see it. ``image`` is an address below the server's own."""
    return {
        "id": avatar.id,
        "name": avatar.name,
        "width": avatar.width,
        "height": avatar.height,
        "image": f"/v1/avatars/{avatar.id}/image",
    }
