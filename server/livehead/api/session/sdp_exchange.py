"""One HTTP exchange of SDP, as WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep-04) have it: an offer in, an answer out,
and the candidates that follow by PATCH."""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response

from livehead.api.body import check_accept, read_text
from livehead.api.ice import ice_links, issue, stun_servers
from livehead.api.services import Services
from livehead.api.session.sdpfrag import parse
from livehead.core.identity import Identity
from livehead.errors import PreconditionError, UnprocessableError
from livehead.sessions.request import SessionRequest
from livehead.sessions.viewers.viewer import Viewer

SDP = "application/sdp"
SDPFRAG = "application/trickle-ice-sdpfrag"

RECORDING = "urn:livehead:recording"
"""The relation (RFC 8288) of a session's recording to the session."""

OFFER_BODY: dict[str, Any] = {"requestBody": {"required": True, "content": {SDP: {"schema": {"type": "string"}}}}}
FRAGMENT_BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": {SDPFRAG: {"schema": {"type": "string"}}}}
}
ANSWERED: dict[str, Any] = {
    "description": "The SDP answer; Location, ETag, Link rel=ice-server",
    "content": {SDP: {}},
}
OFFER_RESPONSES: dict[int | str, dict[str, Any]] = {
    201: ANSWERED,
    400: {"description": "No SDP"},
    406: {"description": f"Accept leaves out {SDP}"},
    413: {"description": "The body is too large"},
    415: {"description": f"The body is not {SDP}"},
    422: {"description": "An offer, or an option beside it, that cannot be served"},
}
TRICKLE_RESPONSES: dict[int | str, dict[str, Any]] = {
    400: {"description": "No fragment, or no ICE candidate in it"},
    404: {"description": "Not there, or not any more"},
    412: {"description": "If-Match names another ICE session"},
    413: {"description": "The body is too large"},
    415: {"description": f"The body is not {SDPFRAG}"},
    422: {"description": "An ICE restart, which is not possible"},
}


async def read_offer(request: Request) -> str:
    """The body, where it can be an offer and the client takes an answer. Raises what :func:`read_text` raises, and
    NotAcceptableError."""
    check_accept(request, SDP)
    return await read_text(request, SDP)


def answered(answer: str, location: str, viewer: Viewer, services: Services) -> Response:
    """201 for an offer that was answered; ``location`` is where its client trickles and ends it."""
    response = Response(answer, 201, media_type=SDP)
    response.headers["Location"] = location
    response.headers["ETag"] = viewer.etag
    for link in ice_links(issue(services, viewer.id)):
        response.headers.append("Link", link)
    return response


async def open_by_offer(offer: str, options: SessionRequest, services: Services, identity: Identity) -> Response:
    """Open a session with its caller's offer: 201. Raises what :meth:`Access.opening` and :meth:`Registry.open`
    raise."""
    async with services.access.opening(identity):
        session, answer = await services.registry.open(offer, options, identity)
    assert session.caller is not None
    response = answered(answer, f"/v1/sessions/{session.id}", session.caller, services)
    if session.recording is not None:
        response.headers.append("Link", f'</v1/recordings/{session.recording.id}>; rel="{RECORDING}"')
    return response


async def add_candidates(request: Request, viewer: Viewer) -> Response:
    """204 for an SDP fragment with candidates. RFC 9725 section 4.3.1 wants If-Match checked where it is sent, and RFC
    8840 gives the form. Raises PreconditionError, and UnprocessableError for an ICE restart: the connection goes on."""
    fragment = parse(await read_text(request, SDPFRAG))
    match = request.headers.get("if-match")
    if match not in (None, "*") and viewer.etag not in [tag.strip() for tag in str(match).split(",")]:
        raise PreconditionError("If-Match names another ICE session; send the ETag of the 201.")
    if any(viewer.is_restart(ufrag) for ufrag in fragment.ufrags):
        raise UnprocessableError("ICE restarts are not possible; this session goes on. Open a new one to reconnect.")
    for candidate in fragment.candidates:
        if candidate is not None:
            await viewer.add_candidate(candidate.candidate, candidate.sdpMid, None)
    return Response(status_code=204)


def describe_endpoint(services: Services) -> Response:
    """What POST takes, for OPTIONS. Preflights carry no credentials, so the links are of the STUN servers only; the
    201 has all."""
    response = Response(status_code=204, headers={"Accept-Post": SDP, "Allow": "POST, OPTIONS"})
    for link in ice_links(stun_servers(services.settings.media)):
        response.headers.append("Link", link)
    return response


def describe_resource(allow: str) -> Response:
    """What PATCH takes, for OPTIONS."""
    return Response(status_code=204, headers={"Accept-Patch": SDPFRAG, "Allow": allow})
