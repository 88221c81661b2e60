"""/v1/sessions: opens sessions, with a peer by an SDP offer (WHIP's form, RFC 9725) or without one by JSON; their
Location steers them."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from livehead.access.tokens import Grant
from livehead.api.body import JSON, check_accept, content_type, read_json
from livehead.api.guard import Guard, Needs
from livehead.api.services import Services, ServicesDep
from livehead.api.session.sdp_exchange import (
    ANSWERED,
    FRAGMENT_BODY,
    SDP,
    TRICKLE_RESPONSES,
    add_candidates,
    describe_endpoint,
    describe_resource,
    open_by_offer,
    read_offer,
)
from livehead.api.session.session_options import AvatarQuery, QueriedOptions, from_body
from livehead.avatars import DEFAULT_ID
from livehead.core.identity import Identity, Role
from livehead.core.messages.from_client import read_creation
from livehead.errors import ConflictError, UnsupportedTypeError
from livehead.sessions.session import Session

Opener: TypeAlias = Annotated[Identity, Depends(Guard(Role.OPEN))]
Viewing: TypeAlias = Annotated[Identity, Depends(Guard(Role.VIEW))]

router = APIRouter(prefix="/v1/sessions", tags=["sessions"])

NO_SESSION: dict[str, Any] = {"description": "No such session, or not any more"}
SESSION_ROLES = frozenset((Role.VIEW, Role.SPEAK, Role.HEAR))
"""What the token of a session without a peer may do with it, as far as whoever made it may."""


@router.post(
    "",
    status_code=201,
    summary="Open a session, with an SDP offer or by JSON",
    response_class=Response,
    responses={
        201: ANSWERED | {"content": {SDP: {}, JSON: {}}},
        400: {"description": "No SDP, or no JSON object"},
        404: {"description": "No such avatar"},
        406: {"description": "Accept leaves out the answer's type"},
        409: {"description": "To be recorded, and as many recordings are kept as may be"},
        413: {"description": "The body is too large"},
        415: {"description": f"The body is neither {SDP} nor {JSON}"},
        422: {"description": "Understood, but impossible: no audio m-line, unknown preset, …"},
        503: {"description": "Full, starting or draining; Retry-After says when to come back"},
        507: {"description": "To be recorded, and there is no room on the disk"},
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {SDP: {"schema": {"type": "string"}}, JSON: {"schema": {"type": "object"}}},
        }
    },
)
async def open_session(
    request: Request,
    services: ServicesDep,
    identity: Opener,
    options: QueriedOptions,
    avatar: AvatarQuery = DEFAULT_ID,
) -> Response:
    """An offer is answered with SDP, and its options are in the query. JSON makes a session without a peer, with the
    same options in the body."""
    given = content_type(request)
    if given == SDP:
        offer = await read_offer(request)
        return await open_by_offer(offer, replace(options, avatar=avatar), services, identity)
    if given == JSON:
        check_accept(request, JSON)
        wanted = from_body(read_creation(await read_json(request)), services)
        await services.avatars.refresh(wanted.avatar, *wanted.look.avatars)
        async with services.access.opening(identity):
            session = services.registry.create(wanted, identity)
        return _created(session, services, identity)
    raise UnsupportedTypeError(f"Send an offer as {SDP}, or options as {JSON}, not {given or 'no type at all'}.")


def _created(session: Session, services: Services, identity: Identity) -> Response:
    """201 for a session without a peer: where its viewers, its speech and its ears go, and a token for them."""
    grant = Grant(roles=(SESSION_ROLES & identity.roles) or frozenset((Role.VIEW,)), session=session.id)
    location = f"/v1/sessions/{session.id}"
    body = {
        "session": session.id,
        "whep": f"/whep/{session.id}",
        "speech": f"{location}/speech",
        "hearing": f"{location}/hearing",
        "token": services.access.make_token(identity, grant),
        "recording": None if session.recording is None else session.recording.id,
    }
    return JSONResponse(body, 201, {"Location": location, "Cache-Control": "no-store"})


@router.options(
    "",
    summary="What POST takes",
    response_class=Response,
    status_code=204,
    dependencies=[Depends(Guard(Needs.NOTHING))],
)
async def describe_sessions(services: ServicesDep) -> Response:
    """As a WHIP endpoint says it (RFC 9725 section 4.7)."""
    return describe_endpoint(services)


@router.options(
    "/{session_id}",
    summary="What PATCH takes",
    response_class=Response,
    status_code=204,
    dependencies=[Depends(Guard(Needs.NOTHING))],
)
async def describe_session(session_id: str) -> Response:
    return describe_resource("GET, PATCH, DELETE, OPTIONS")


@router.get("/{session_id}", summary="State and latest figures", responses={404: NO_SESSION})
async def get_session(session_id: str, services: ServicesDep, identity: Viewing, response: Response) -> dict[str, Any]:
    session = services.registry.find(session_id, identity, Role.VIEW)
    response.headers["Cache-Control"] = "no-store"
    if session.caller is not None:
        response.headers["ETag"] = session.caller.etag
    return session.describe()


@router.patch(
    "/{session_id}",
    status_code=204,
    summary="Trickle ICE candidates",
    response_class=Response,
    responses=TRICKLE_RESPONSES | {409: {"description": "The session has no peer of its own"}},
    openapi_extra=FRAGMENT_BODY,
)
async def trickle(session_id: str, request: Request, services: ServicesDep, identity: Opener) -> Response:
    session = services.registry.find(session_id, identity, Role.OPEN)
    if session.caller is None:
        raise ConflictError("This session has no peer of its own; send candidates to a viewer's Location.")
    return await add_candidates(request, session.caller)


@router.delete("/{session_id}", summary="End a session", response_class=Response, responses={404: NO_SESSION})
async def end_session(session_id: str, services: ServicesDep, identity: Opener) -> Response:
    """The peer connections are closed before the answer."""
    session = services.registry.find(session_id, identity, Role.OPEN)
    session.end("deleted")
    await session.closed.wait()
    return Response(status_code=200)
