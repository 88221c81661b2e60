"""/whep/{session}: see and hear a session (WHEP, draft-ietf-wish-whep-04)."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, Depends, Request, Response

from livehead.api.guard import Guard, Needs
from livehead.api.services import ServicesDep
from livehead.api.session.sdp_exchange import (
    FRAGMENT_BODY,
    OFFER_BODY,
    OFFER_RESPONSES,
    TRICKLE_RESPONSES,
    add_candidates,
    answered,
    describe_endpoint,
    describe_resource,
    read_offer,
)
from livehead.core.identity import Identity, Role

Viewing: TypeAlias = Annotated[Identity, Depends(Guard(Role.VIEW))]

router = APIRouter(prefix="/whep", tags=["WHIP and WHEP"])

NO_VIEWER: dict[str, Any] = {"description": "No such viewer, or not any more"}


@router.post(
    "/{session_id}",
    status_code=201,
    summary="See and hear a session (WHEP)",
    response_class=Response,
    responses=OFFER_RESPONSES
    | {
        404: {"description": "No such session, or not any more"},
        409: {"description": "The session has as many viewers as it may have"},
    },
    openapi_extra=OFFER_BODY,
)
async def view(session_id: str, request: Request, services: ServicesDep, identity: Viewing) -> Response:
    """A viewer that offers its audio as sendrecv is heard, too."""
    session = services.registry.find(session_id, identity, Role.VIEW)
    offer = await read_offer(request)
    services.access.count_offer(identity)
    viewer, answer = await services.registry.join(session, offer, identity)
    return answered(answer, f"/whep/{session.id}/{viewer.id}", viewer, services)


@router.patch(
    "/{session_id}/{viewer_id}",
    status_code=204,
    summary="Trickle ICE candidates",
    response_class=Response,
    responses=TRICKLE_RESPONSES,
    openapi_extra=FRAGMENT_BODY,
)
async def trickle_view(
    session_id: str, viewer_id: str, request: Request, services: ServicesDep, identity: Viewing
) -> Response:
    viewer = services.registry.find(session_id, identity, Role.VIEW).viewer(viewer_id)
    return await add_candidates(request, viewer)


@router.delete("/{session_id}/{viewer_id}", summary="Leave", response_class=Response, responses={404: NO_VIEWER})
async def leave(session_id: str, viewer_id: str, services: ServicesDep, identity: Viewing) -> Response:
    """The peer connection is closed before the answer; the session goes on."""
    viewer = services.registry.find(session_id, identity, Role.VIEW).viewer(viewer_id)
    viewer.end("deleted")
    await viewer.closed.wait()
    return Response(status_code=200)


@router.options(
    "/{session_id}",
    summary="What POST takes",
    response_class=Response,
    status_code=204,
    dependencies=[Depends(Guard(Needs.NOTHING))],
)
async def describe_whep(session_id: str, services: ServicesDep) -> Response:
    return describe_endpoint(services)


@router.options(
    "/{session_id}/{viewer_id}",
    summary="What PATCH takes",
    response_class=Response,
    status_code=204,
    dependencies=[Depends(Guard(Needs.NOTHING))],
)
async def describe_viewer(session_id: str, viewer_id: str) -> Response:
    return describe_resource("PATCH, DELETE, OPTIONS")
