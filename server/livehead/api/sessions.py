"""/v1/sessions: one HTTP exchange opens a session (WHIP's form, RFC 9725), its Location steers it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from fastapi import APIRouter, Depends, Query, Request, Response

from livehead.api.body import read_text
from livehead.api.guard import Guard, Needs
from livehead.api.ice import ice_links, ice_servers, stun_servers
from livehead.api.sdpfrag import parse
from livehead.api.services import ServicesDep
from livehead.avatars import DEFAULT_ID
from livehead.core.identity import Identity, Role
from livehead.core.limits import MAX_NAME, MAX_SEED
from livehead.errors import PreconditionError, UnprocessableError
from livehead.sessions.request import SessionRequest
from livehead.settings import LatencyName

Opener: TypeAlias = Annotated[Identity, Depends(Guard(Role.OPEN))]
Viewer: TypeAlias = Annotated[Identity, Depends(Guard(Role.VIEW))]

router = APIRouter(prefix="/v1/sessions", tags=["sessions"])

SDP = "application/sdp"
SDPFRAG = "application/trickle-ice-sdpfrag"
NO_SESSION: dict[str, Any] = {"description": "No such session, or not any more"}


@router.post(
    "",
    status_code=201,
    summary="Open a session with an SDP offer",
    response_class=Response,
    responses={
        201: {"description": "The SDP answer; Location, ETag, Link rel=ice-server", "content": {SDP: {}}},
        400: {"description": "No SDP"},
        404: {"description": "No such avatar"},
        413: {"description": "The body is too large"},
        415: {"description": f"The body is not {SDP}"},
        422: {"description": "Understood, but impossible: no audio m-line, unknown preset, …"},
        503: {"description": "Full, starting or draining; Retry-After says when to come back"},
    },
    openapi_extra={"requestBody": {"required": True, "content": {SDP: {"schema": {"type": "string"}}}}},
)
async def open_session(
    request: Request,
    services: ServicesDep,
    identity: Opener,
    avatar: Annotated[str, Query(max_length=MAX_NAME, description="id of the portrait")] = DEFAULT_ID,
    latency: Annotated[LatencyName | None, Query(description="latency preset")] = None,
    voice: Annotated[
        Literal["on", "off"] | None,
        Query(description="send the session's own audio back; by default off for source=mic, on for source=push"),
    ] = None,
    source: Annotated[Literal["mic", "push"], Query(description="where the speech comes from")] = "mic",
    probe: Annotated[Literal["0", "1"], Query(description="draw the test pattern into the frame")] = "0",
    seed: Annotated[int | None, Query(ge=0, le=MAX_SEED, description="makes the portrait's idle repeatable")] = None,
) -> Response:
    offer = await read_text(request, SDP)
    wanted = SessionRequest(
        avatar=avatar,
        latency=latency or services.settings.sessions.latency,
        voice=None if voice is None else voice == "on",
        source=source,
        probe=probe == "1",
        seed=seed,
    )
    with services.access.opening(identity):
        session, answer = await services.registry.open(offer, wanted, identity)
    response = Response(answer, 201, media_type=SDP)
    response.headers["Location"] = f"/v1/sessions/{session.id}"
    response.headers["ETag"] = session.etag
    for link in ice_links(ice_servers(services.settings.media, session.id)):
        response.headers.append("Link", link)
    return response


@router.options(
    "",
    summary="What POST takes",
    response_class=Response,
    status_code=204,
    dependencies=[Depends(Guard(Needs.NOTHING))],
)
async def describe_endpoint(services: ServicesDep) -> Response:
    """Preflights carry no credentials, so the links are of the STUN servers only; the 201 has all."""
    response = Response(status_code=204, headers={"Accept-Post": SDP, "Allow": "POST, OPTIONS"})
    for link in ice_links(stun_servers(services.settings.media)):
        response.headers.append("Link", link)
    return response


@router.options(
    "/{session_id}",
    summary="What PATCH takes",
    response_class=Response,
    status_code=204,
    dependencies=[Depends(Guard(Needs.NOTHING))],
)
async def describe_session(session_id: str) -> Response:
    return Response(status_code=204, headers={"Accept-Patch": SDPFRAG, "Allow": "GET, PATCH, DELETE, OPTIONS"})


@router.get("/{session_id}", summary="State and latest figures", responses={404: NO_SESSION})
async def get_session(session_id: str, services: ServicesDep, identity: Viewer, response: Response) -> dict[str, Any]:
    session = services.registry.find(session_id, identity, Role.VIEW)
    response.headers["Cache-Control"] = "no-store"
    response.headers["ETag"] = session.etag
    return session.describe()


@router.patch(
    "/{session_id}",
    status_code=204,
    summary="Trickle ICE candidates",
    response_class=Response,
    responses={
        400: {"description": "No fragment, or no ICE candidate in it"},
        404: NO_SESSION,
        412: {"description": "If-Match names another ICE session"},
        413: {"description": "The body is too large"},
        415: {"description": f"The body is not {SDPFRAG}"},
        422: {"description": "An ICE restart, which is not possible"},
    },
    openapi_extra={"requestBody": {"required": True, "content": {SDPFRAG: {"schema": {"type": "string"}}}}},
)
async def trickle(session_id: str, request: Request, services: ServicesDep, identity: Opener) -> Response:
    """RFC 9725 section 4.3.1 wants If-Match checked where it is sent, and RFC 8840 gives the form."""
    session = services.registry.find(session_id, identity, Role.OPEN)
    fragment = parse(await read_text(request, SDPFRAG))
    match = request.headers.get("if-match")
    if match not in (None, "*") and session.etag not in [tag.strip() for tag in str(match).split(",")]:
        raise PreconditionError("If-Match names another ICE session; send the ETag of the 201.")
    if any(session.is_restart(ufrag) for ufrag in fragment.ufrags):
        raise UnprocessableError("ICE restarts are not possible; this session goes on. Open a new one to reconnect.")
    for candidate in fragment.candidates:
        if candidate is not None:
            await session.add_candidate(candidate.candidate, candidate.sdpMid, None)
    return Response(status_code=204)


@router.delete("/{session_id}", summary="End a session", response_class=Response, responses={404: NO_SESSION})
async def end_session(session_id: str, services: ServicesDep, identity: Opener) -> Response:
    """The peer connection is closed before the answer."""
    session = services.registry.find(session_id, identity, Role.OPEN)
    session.end("deleted")
    await session.closed.wait()
    return Response(status_code=200)
