"""/whip/{avatar}: publish a microphone that drives a portrait (WHIP, RFC 9725)."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from livehead.api.guard import Guard, Needs
from livehead.api.services import ServicesDep
from livehead.api.session.sdp_exchange import OFFER_BODY, OFFER_RESPONSES, describe_endpoint, open_by_offer, read_offer
from livehead.api.session.session_options import QueriedOptions
from livehead.core.identity import Identity, Role
from livehead.core.limits import MAX_NAME

router = APIRouter(prefix="/whip", tags=["WHIP and WHEP"])


@router.post(
    "/{avatar_id}",
    status_code=201,
    summary="Publish a microphone that drives a portrait (WHIP)",
    response_class=Response,
    responses=OFFER_RESPONSES
    | {
        404: {"description": "No such avatar"},
        409: {"description": "To be recorded, and as many recordings are kept as may be"},
        503: {"description": "Full, starting or draining; Retry-After says when to come back"},
        507: {"description": "To be recorded, and there is no room on the disk"},
    },
    openapi_extra=OFFER_BODY,
)
async def publish(
    avatar_id: Annotated[str, Path(max_length=MAX_NAME)],
    request: Request,
    services: ServicesDep,
    identity: Annotated[Identity, Depends(Guard(Role.OPEN))],
    options: QueriedOptions,
) -> Response:
    """A camera, if one is offered, is answered inactive. A publisher that offers to receive video gets the portrait;
    any other sees it at /whep/{session}, the last part of the Location being the session's id."""
    offer = await read_offer(request)
    return await open_by_offer(offer, replace(options, avatar=avatar_id, sees=False), services, identity)


@router.options(
    "/{avatar_id}",
    summary="What POST takes",
    response_class=Response,
    status_code=204,
    dependencies=[Depends(Guard(Needs.NOTHING))],
)
async def describe_whip(avatar_id: str, services: ServicesDep) -> Response:
    return describe_endpoint(services)
