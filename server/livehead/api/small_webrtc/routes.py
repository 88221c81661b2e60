"""POST and PATCH /api/offer, POST /start: the signalling of Pipecat's SmallWebRTCTransport, so that pages made with
@pipecat-ai/client-js call a portrait as they call a bot of Pipecat's own server."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, Depends, Request, Response

from livehead.api.body import JSON, read_json
from livehead.api.guard import Guard, identify
from livehead.api.ice import issue
from livehead.api.services import Services, ServicesDep
from livehead.api.small_webrtc.bodies import Wanted, read_candidates, read_offer, read_start
from livehead.api.small_webrtc.connections import Connection
from livehead.avatars import DEFAULT_ID
from livehead.core.identity import Identity, Role
from livehead.core.ids import new_id
from livehead.core.limits import MAX_MESSAGE
from livehead.core.look import KEEP
from livehead.errors import NotFoundError
from livehead.sessions.request import SessionRequest

CHANNEL = "chat"
"""What Pipecat's client calls its data channel."""

OPENER = Guard(Role.OPEN, deferred=True)
Opener: TypeAlias = Annotated[Identity | None, Depends(OPENER)]
"""None where the body is to bring the token."""

router = APIRouter(tags=["pipecat"])

REFUSED: dict[int | str, dict[str, Any]] = {
    400: {"description": "No JSON object, or a field that is missing or malformed"},
    404: {"description": "No such avatar, start or pc_id"},
    409: {"description": "To be recorded, and as many recordings are kept as may be"},
    413: {"description": "The body, or a field, is too large"},
    415: {"description": f"The body is not {JSON}"},
    422: {"description": "Understood, but impossible: no audio m-line, unknown preset, an ICE restart, …"},
    503: {"description": "Full, starting or draining; Retry-After says when to come back"},
    507: {"description": "To be recorded, and there is no room on the disk"},
}
OFFER = {
    "requestBody": {
        "required": True,
        "content": {
            JSON: {
                "schema": {
                    "type": "object",
                    "required": ["sdp", "type"],
                    "properties": {
                        "sdp": {"type": "string"},
                        "type": {"enum": ["offer"]},
                        "pc_id": {"type": ["string", "null"]},
                        "restart_pc": {"type": ["boolean", "null"]},
                        "requestData": {"type": "object"},
                    },
                }
            }
        },
    }
}
CANDIDATES = {
    "requestBody": {
        "required": True,
        "content": {
            JSON: {
                "schema": {
                    "type": "object",
                    "required": ["pc_id", "candidates"],
                    "properties": {
                        "pc_id": {"type": "string"},
                        "candidates": {"type": "array", "items": {"type": "object"}},
                    },
                }
            }
        },
    }
}


@router.post(
    "/start",
    summary="Prepare a call of Pipecat's client",
    responses={status: REFUSED[status] for status in (400, 413, 415)},
    openapi_extra={"requestBody": {"required": False, "content": {JSON: {"schema": {"type": "object"}}}}},
)
async def start(request: Request, response: Response, services: ServicesDep, identity: Opener) -> dict[str, Any]:
    """The offer follows at /sessions/{sessionId}/api/offer, with what ``body`` asks for here."""
    wanted = read_start(await _read(request, identity) if _has_body(request) else {})
    identity = _identify(request, identity, wanted.token)
    services.access.count_credentials(identity)
    response.headers["Cache-Control"] = "no-store"
    servers = issue(services, identity.token or new_id())
    return {"sessionId": services.small_webrtc.starts.add(wanted), "iceConfig": {"iceServers": servers}}


@router.post(
    "/api/offer", summary="Open a session with an offer of Pipecat's client", responses=REFUSED, openapi_extra=OFFER
)
async def offer(request: Request, services: ServicesDep, identity: Opener) -> dict[str, str]:
    return await _negotiate(request, services, identity)


@router.post(
    "/sessions/{start_id}/api/offer",
    summary="The same after POST /start",
    responses=REFUSED,
    openapi_extra=OFFER,
)
async def offer_started(start_id: str, request: Request, services: ServicesDep, identity: Opener) -> dict[str, str]:
    return await _negotiate(request, services, identity, start_id)


@router.patch(
    "/api/offer",
    summary="Trickle ICE candidates of Pipecat's client",
    responses={status: REFUSED[status] for status in (400, 404, 413, 415)},
    openapi_extra=CANDIDATES,
)
async def trickle(request: Request, services: ServicesDep, identity: Opener) -> dict[str, str]:
    return await _trickle(request, services, identity)


@router.patch(
    "/sessions/{start_id}/api/offer",
    summary="The same after POST /start",
    responses={status: REFUSED[status] for status in (400, 404, 413, 415)},
    openapi_extra=CANDIDATES,
)
async def trickle_started(start_id: str, request: Request, services: ServicesDep, identity: Opener) -> dict[str, str]:
    """``pc_id`` says all that is to be known."""
    return await _trickle(request, services, identity)


async def _negotiate(
    request: Request, services: Services, identity: Identity | None, start_id: str | None = None
) -> dict[str, str]:
    given, wanted = read_offer(await _read(request, identity))
    known = _find(services, given.pc_id)
    if wanted is None and known is not None:
        wanted = known.wanted
    if wanted is None:
        wanted = Wanted() if start_id is None else services.small_webrtc.starts.find(start_id)
    by_token = identity is None
    identity = _identify(request, identity, wanted.token)
    if known is not None:
        session = services.registry.find(known.session.id, identity, Role.OPEN)
        if not given.restart_pc:
            return _answer(session.id, await known.renegotiate(given.sdp))
        await known.replace()
    sessions = services.settings.sessions
    wish = SessionRequest(
        avatar=wanted.avatar or DEFAULT_ID,
        latency=wanted.latency or sessions.latency,
        voice=None if wanted.voice is None else wanted.voice == "on",
        source=wanted.source or "mic",
        probe=wanted.probe,
        seed=wanted.seed,
        interrupt=wanted.interrupt or "off",
        record=wanted.record or "off",
        look=wanted.look or KEEP,
        channel=CHANNEL,
    )
    async with services.access.opening(identity):
        session, answer = await services.registry.open(given.sdp, wish, identity)
    services.small_webrtc.connections.add(session, wanted, answer, by_token=by_token)
    return _answer(session.id, answer)


async def _trickle(request: Request, services: Services, identity: Identity | None) -> dict[str, str]:
    pc_id, candidates = read_candidates(await _read(request, identity))
    known = _find(services, pc_id)
    if identity is None and not (known is not None and known.by_token):
        identity = _identify(request, None, None)
    connection = services.small_webrtc.connections.find(pc_id)
    if identity is not None:
        services.registry.find(connection.session.id, identity, Role.OPEN)
    for each in candidates:
        await connection.viewer.add_candidate(each.candidate, each.sdp_mid, each.sdp_mline_index)
    return {"status": "success"}


def _find(services: Services, pc_id: str | None) -> Connection | None:
    """A client may come back with the id of a session that has ended: it gets another one."""
    try:
        return None if pc_id is None else services.small_webrtc.connections.find(pc_id)
    except NotFoundError:
        return None


def _answer(pc_id: str, sdp: str) -> dict[str, str]:
    return {"sdp": sdp, "type": "answer", "pc_id": pc_id}


def _has_body(request: Request) -> bool:
    return request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers


async def _read(request: Request, identity: Identity | None) -> dict[str, Any]:
    """The body. Where nobody has shown a credential, and no body could bring one, that is what is wrong."""
    if identity is None and not _has_body(request):
        _identify(request, None, None)
    return await read_json(request, MAX_MESSAGE)


def _identify(request: Request, identity: Identity | None, token: str | None) -> Identity:
    """Raises UnauthorizedError, ForbiddenError and RateLimitError."""
    if identity is not None:
        return identity
    identity = identify(request, token)
    request.state.owner = identity.owner
    OPENER.check(identity)
    return identity
