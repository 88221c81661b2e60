"""/v1/renders: films of a portrait and an audio file, made behind the live sessions."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from livehead.api.guard import Guard
from livehead.api.services import Services, ServicesDep
from livehead.api.store.multipart import MULTIPART, Form, FormField, read_form
from livehead.api.store.object_response import send_object
from livehead.core.identity import Identity, Role
from livehead.core.latency_choice import AUTO
from livehead.core.limits import MAX_NAME, MAX_SEED
from livehead.core.look import KEEP, read_look
from livehead.core.messages.json_object import read_object
from livehead.engine.base import GeneratorInfo
from livehead.engine.capacity.cheapest import film_preset
from livehead.errors import UnprocessableError
from livehead.image_decoding import MAX_BYTES, check_file
from livehead.render.jobs.renders import RenderRequest
from livehead.sessions.portrait.look_check import check_look
from livehead.sessions.request import find_preset
from livehead.store.portraits.record import CONSENT
from livehead.store.renders.record import RenderRecord

Owner: TypeAlias = Annotated[Identity, Depends(Guard(Role.OPEN))]

router = APIRouter(prefix="/v1/renders", tags=["renders"])

MAX_AUDIO = 50 * 1000 * 1000
"""Bytes of an audio file."""

MAX_LOOK = 1024
"""Characters of a look."""

NO_RENDER: dict[str, Any] = {"description": "No such render, or another key's"}

FORM: dict[str, Any] = {
    "audio": {"type": "string", "format": "binary", "description": "a file of any format that FFmpeg reads"},
    "avatar": {"type": "string", "description": "the id of a portrait"},
    "portrait": {"type": "string", "format": "binary", "description": "or an image file, which is not kept"},
    "consent": {"type": "string", "enum": ["yes"], "description": f"with an image file. {CONSENT}"},
    "seed": {"type": "string", "description": f"0 … {MAX_SEED}; the same seed gives the same film"},
    "latency": {"type": "string", "description": "the latency preset whose windows it is made with"},
    "look": {"type": "string", "description": 'JSON: {"background": …}, as for sessions'},
}


@router.post(
    "",
    status_code=202,
    summary="Ask for a film of a portrait and an audio file",
    response_class=JSONResponse,
    responses={
        400: {"description": "The form cannot be read"},
        404: {"description": "No such avatar"},
        409: {"description": "As many of the owner's renders wait or run as may"},
        413: {"description": "The audio or the image is too large, or takes too much to decode"},
        415: {"description": f"The body is no {MULTIPART}, or the portrait no PNG, JPEG or WebP image"},
        422: {"description": "No audio in the file, too much of it, no or two portraits, no face, no consent, …"},
        501: {"description": "This server makes no renders, or takes no portraits"},
        503: {"description": "The engine never was ready yet, or too many uploads at once"},
        507: {"description": "The server's disk is full"},
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {MULTIPART: {"schema": {"type": "object", "required": ["audio"], "properties": FORM}}},
        }
    },
)
async def submit(request: Request, services: ServicesDep, identity: Owner) -> Response:
    """With either ``avatar`` or ``portrait``. The film is made when the live sessions leave room."""
    info = services.host.info

    async def receive(path: Path) -> RenderRequest:
        form = await read_form(
            request,
            {
                "audio": FormField(MAX_AUDIO, into=path),
                "portrait": FormField(MAX_BYTES),
                "avatar": FormField(4 * MAX_NAME),
                "consent": FormField(64),
                "seed": FormField(64),
                "latency": FormField(64),
                "look": FormField(4 * MAX_LOOK),
            },
        )
        if "audio" not in form:
            raise UnprocessableError("The form has no field 'audio'; send a file that holds some.")
        return await _read(form, services, identity, info)

    with services.access.uploading(identity):
        record = await services.renders.submit(identity, receive)
    return JSONResponse({"id": record.id}, 202, {"Location": _address(record), "Cache-Control": "no-store"})


@router.get("", summary="Your renders, the newest first")
async def list_renders(services: ServicesDep, identity: Owner, response: Response) -> list[dict[str, Any]]:
    """A key's are all of its own, a token's those that were asked for with it."""
    response.headers["Cache-Control"] = "no-store"
    places = await services.renders.places()
    return [_describe(services, each, places) for each in await services.renders.list(identity)]


@router.get("/{render_id}", summary="How far a render is", responses={404: NO_RENDER})
async def get_render(render_id: str, services: ServicesDep, identity: Owner, response: Response) -> dict[str, Any]:
    record = await services.renders.find(render_id, identity)
    response.headers["Cache-Control"] = "no-store"
    return _describe(services, record, await services.renders.places() if record.state == "queued" else {})


@router.get(
    "/{render_id}/film",
    summary="The film of a render",
    response_class=Response,
    responses={
        200: {"content": {"video/mp4": {}}},
        206: {"description": "The Range that was asked for"},
        404: NO_RENDER,
        409: {"description": "It is not done"},
        416: {"description": "Nothing of the Range is in the file"},
    },
)
async def get_film(render_id: str, request: Request, services: ServicesDep, identity: Owner) -> Response:
    record = await services.renders.find(render_id, identity)
    film = await services.renders.film(record)
    name = f"livehead-{record.avatar or 'own'}-{_time(record.created):%Y%m%d-%H%M%S}.mp4"
    headers = {"Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff"}
    return await send_object(request, film, media_type="video/mp4", filename=name, headers=headers)


@router.delete(
    "/{render_id}",
    status_code=204,
    summary="Cancel a render, or forget one that has ended",
    response_class=Response,
    responses={404: NO_RENDER},
)
async def cancel(render_id: str, services: ServicesDep, identity: Owner) -> Response:
    """Its files are gone before the answer. One that was cancelled is listed as such until it is deleted again, or was
    kept long enough."""
    await services.renders.cancel(await services.renders.find(render_id, identity))
    return Response(status_code=204)


async def _read(form: Form, services: Services, identity: Identity, info: GeneratorInfo) -> RenderRequest:
    """What is wanted, as far as it can be checked without a decoder."""
    avatar, portrait = form.text("avatar") or None, form.data("portrait") if "portrait" in form else None
    if (avatar is None) == (portrait is None):
        raise UnprocessableError("Send either 'avatar', the id of a portrait, or 'portrait', an image file.")
    identity.check_opening(avatar or "", "push")
    if avatar is not None:
        await services.avatars.refresh(avatar)
        services.avatars.get(avatar, identity.owner)
    if portrait is not None:
        services.portraits.check_open()
        if (form.text("consent") or "").strip().lower() != "yes":
            raise UnprocessableError(f"Send the field consent=yes, which says: {CONSENT}", problem="consent")
        check_file(portrait)
    look = read_look(read_object(form.text("look") or "", MAX_LOOK)) if form.text("look") else KEEP
    await services.avatars.refresh(*look.avatars)
    check_look(look, info, services.avatars, identity.owner)
    latency = film_preset(info, form.text("latency") or AUTO)
    find_preset(info.presets, latency)
    return RenderRequest(avatar, portrait, _seed(form), latency, look)


def _seed(form: Form) -> int:
    text = form.text("seed")
    if not text:
        return secrets.randbelow(MAX_SEED + 1)
    if not (text.isascii() and text.isdigit() and int(text) <= MAX_SEED):
        raise UnprocessableError(f"The seed must be a whole number from 0 to {MAX_SEED}.")
    return int(text)


def _describe(services: Services, record: RenderRecord, places: dict[str, int]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": record.id,
        "state": record.state,
        "progress": round(services.renders.progress(record), 3),
        "queue": places.get(record.id, 0),
        "avatar": record.avatar,
        "seed": record.seed,
        "latency": record.latency,
        "look": {"background": record.background},
        "seconds": round(record.seconds, 2),
        "created": _text(record.created),
    }
    if record.consent is not None:
        found["consent"] = json.loads(record.consent)
    if record.error is not None:
        found["error"] = record.error
    if record.state == "done":
        found["film"] = f"{_address(record)}/film"
    if (expires := services.renders.expires(record)) is not None:
        found["expires"] = _text(expires)
    return found


def _address(record: RenderRecord) -> str:
    return f"/v1/renders/{record.id}"


def _time(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _text(at: float) -> str:
    return _time(at).isoformat(timespec="milliseconds").replace("+00:00", "Z")
