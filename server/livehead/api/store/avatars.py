"""/v1/avatars: the portraits there are, their images, and those that owners upload."""

from __future__ import annotations

import json
from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from livehead.api.body import JSON, read_json
from livehead.api.guard import Guard, Needs, credential_of, identify
from livehead.api.services import Services, ServicesDep
from livehead.api.store.multipart import MULTIPART, Form, FormField, read_form
from livehead.avatars import Avatar
from livehead.core.identity import Identity
from livehead.core.portrait_check import Crop
from livehead.errors import ForbiddenError, UnprocessableError
from livehead.image_decoding import MAX_BYTES
from livehead.store.portraits.preparation import Inspection
from livehead.store.portraits.record import CONSENT

Anybody: TypeAlias = Annotated[Identity, Depends(Guard(Needs.CREDENTIAL))]
KeyHolder: TypeAlias = Annotated[Identity, Depends(Guard(Needs.KEY))]

router = APIRouter(prefix="/v1/avatars", tags=["avatars"])

FIELDS = {"image": FormField(MAX_BYTES), "name": FormField(1024), "consent": FormField(64), "crop": FormField(256)}

NO_AVATAR: dict[str, Any] = {"description": "No such avatar, or another owner's"}
IMAGE_RESPONSES: dict[int | str, dict[str, Any]] = {
    304: {"description": "As it was, by If-None-Match"},
    401: {"description": "No valid API key or token, for one that is not built in"},
    404: NO_AVATAR,
    429: {"description": "Too many wrong credentials; Retry-After says when to come back"},
}
UPLOAD_RESPONSES: dict[int | str, dict[str, Any]] = {
    400: {"description": "The form cannot be read"},
    413: {"description": "The file, or the picture in it, is too large"},
    415: {"description": f"The body is no {MULTIPART}, or the file no PNG, JPEG or WebP image"},
    422: {"description": "A broken or moving picture, a crop outside of it, no image"},
    501: {"description": "This server takes no portraits"},
    503: {"description": "Too many uploads at once; Retry-After says when to come back"},
}
IMAGE_FORM: dict[str, Any] = {
    "image": {"type": "string", "format": "binary"},
    "crop": {"type": "string", "description": 'JSON {"x", "y", "side"}, pixels of the upright picture'},
}
CONSENT_FORM: dict[str, Any] = {
    "name": {"type": "string"},
    "consent": {"type": "string", "enum": ["yes"], "description": CONSENT},
}

YEAR_S = 365 * 24 * 3600


def _form(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    schema = {"type": "object", "required": list(required), "properties": properties}
    return {"requestBody": {"required": True, "content": {MULTIPART: {"schema": schema}}}}


@router.get("", summary="Every portrait that can be chosen, by id")
async def list_avatars(services: ServicesDep, identity: Anybody, response: Response) -> list[dict[str, Any]]:
    """The built-in ones, and with an API key its owner's. With a token, of those only the one that the token names:
    whoever has it need not know whose faces there are beside."""
    response.headers["Cache-Control"] = "no-store"
    await services.avatars.refresh_all()
    shown = services.avatars.list(identity.owner)
    return [describe(each) for each in shown if each.builtin or identity.is_key or each.id == identity.avatar]


@router.post(
    "",
    status_code=201,
    summary="Upload a picture as a portrait",
    response_class=JSONResponse,
    responses=UPLOAD_RESPONSES
    | {
        409: {"description": "The owner has as many as it may have"},
        422: {"description": "No consent, no face, a broken or moving picture, a crop outside of it, no image"},
        507: {"description": "The server's disk is full"},
    },
    openapi_extra=_form(IMAGE_FORM | CONSENT_FORM, "image", "consent"),
)
async def upload(request: Request, services: ServicesDep, identity: KeyHolder) -> Response:
    """The same picture of the same owner is the same avatar, with the newer name."""
    services.portraits.check_open()
    with services.access.uploading(identity):
        form = await read_form(request, FIELDS)
        if (form.text("consent") or "").strip().lower() != "yes":
            raise UnprocessableError(f"Send the field consent=yes, which says: {CONSENT}", problem="consent")
        kept = await services.portraits.add(form.data("image"), form.text("name"), read_crop(form), identity.owner)
    avatar = services.avatars.get(kept.id, identity.owner)
    return JSONResponse(describe(avatar), 201, {"Location": _address(avatar), "Cache-Control": "no-store"})


@router.post(
    "/check",
    summary="What there is to say of a picture, which is not kept",
    responses=UPLOAD_RESPONSES,
    openapi_extra=_form(IMAGE_FORM, "image"),
)
async def check(request: Request, services: ServicesDep, identity: KeyHolder, response: Response) -> dict[str, Any]:
    """``crop`` is the square that an upload without a crop would take, null where there is no face."""
    services.portraits.check_open()
    with services.access.uploading(identity):
        form = await read_form(request, FIELDS)
        inspection = await services.portraits.inspect(form.data("image"), read_crop(form))
    response.headers["Cache-Control"] = "no-store"
    return describe_inspection(inspection)


@router.get("/{avatar_id}", summary="One portrait", responses={404: NO_AVATAR})
async def get_avatar(avatar_id: str, services: ServicesDep, identity: Anybody, response: Response) -> dict[str, Any]:
    """An owner's key is also told of the consent that the portrait was uploaded with."""
    response.headers["Cache-Control"] = "no-store"
    await services.avatars.refresh(avatar_id)
    described = describe(services.avatars.get(avatar_id, identity.owner))
    record = services.portraits.record(avatar_id, identity.owner) if identity.is_key else None
    return described if record is None else described | {"consent": record.consent.model_dump(mode="json")}


@router.patch(
    "/{avatar_id}",
    summary="Rename a portrait",
    responses={400: {"description": "No JSON object"}, 404: NO_AVATAR, 422: {"description": "No name"}},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {JSON: {"schema": {"type": "object", "properties": {"name": {"type": "string"}}}}},
        }
    },
)
async def rename(
    avatar_id: str, request: Request, services: ServicesDep, identity: KeyHolder, response: Response
) -> dict[str, Any]:
    """The body is ``{"name": …}``."""
    name = (await read_json(request)).get("name")
    if not isinstance(name, str) or not name.strip():
        raise UnprocessableError('Send {"name": "…"} with the new name, which is not empty.')
    await services.avatars.refresh(avatar_id)
    _check_own(services.avatars.get(avatar_id, identity.owner))
    await services.portraits.rename(avatar_id, identity.owner, name)
    response.headers["Cache-Control"] = "no-store"
    return describe(services.avatars.get(avatar_id, identity.owner))


@router.delete(
    "/{avatar_id}",
    status_code=204,
    summary="Delete a portrait",
    response_class=Response,
    responses={404: NO_AVATAR},
)
async def delete(avatar_id: str, services: ServicesDep, identity: KeyHolder) -> Response:
    """Sessions that show it go on."""
    await services.avatars.refresh(avatar_id)
    _check_own(services.avatars.get(avatar_id, identity.owner))
    await services.portraits.delete(avatar_id, identity.owner)
    services.avatars.forget(avatar_id)
    services.idle_films.forget(avatar_id)
    return Response(status_code=204)


@router.get(
    "/{avatar_id}/image",
    summary="An avatar's image",
    response_class=Response,
    responses=IMAGE_RESPONSES,
    dependencies=[Depends(Guard(Needs.NOTHING))],  # for the built-in ones; others ask themselves
)
async def get_image(avatar_id: str, request: Request, services: ServicesDep) -> Response:
    """A built-in one is sent as WebP to clients that name it in ``Accept``, as browsers do: a tenth of the PNG."""
    avatar, owner = await _find(request, services, avatar_id)
    small = avatar.builtin and "image/webp" in request.headers.get("accept", "")
    headers = _caching(avatar, f"{avatar.version}-webp" if small else avatar.version)
    headers["Vary"] = ", ".join(("Accept", *([headers["Vary"]] if "Vary" in headers else [])))
    if _unchanged(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    if small:
        return Response(await services.thumbnails.web_image(avatar), media_type="image/webp", headers=headers)
    return Response(await services.avatars.image(avatar_id, owner), media_type=avatar.media_type, headers=headers)


@router.get(
    "/{avatar_id}/thumbnail",
    summary="A small WebP of an avatar, at most 160 pixels wide and 8 kB large",
    response_class=Response,
    responses=IMAGE_RESPONSES,
    dependencies=[Depends(Guard(Needs.NOTHING))],  # for the built-in ones; others ask themselves
)
async def get_thumbnail(avatar_id: str, request: Request, services: ServicesDep) -> Response:
    avatar, _ = await _find(request, services, avatar_id)
    headers = _caching(avatar, f"{avatar.version}-thumbnail")
    if _unchanged(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(await services.thumbnails.get(avatar), media_type="image/webp", headers=headers)


def describe(avatar: Avatar) -> dict[str, Any]:
    """An avatar as clients see it. ``image`` and ``thumbnail`` are addresses below the server's own; ``own`` ones were
    uploaded, and have the ``check`` and the ``crop`` of that."""
    own = not avatar.builtin
    check = avatar.check if own else None
    described = {
        "id": avatar.id,
        "name": avatar.name,
        "width": avatar.width,
        "height": avatar.height,
        "image": f"{_address(avatar)}/image",
        "thumbnail": f"{_address(avatar)}/thumbnail",
        "own": own,
        "check": None if check is None else check.to_json(),
    }
    return described if check is None else described | {"crop": describe_crop(check.crop)}


def describe_inspection(inspection: Inspection) -> dict[str, Any]:
    """``width`` and ``height`` are the upright picture's, in pixels."""
    return {
        "check": inspection.check.to_json(),
        "crop": describe_crop(inspection.crop),
        "width": inspection.width,
        "height": inspection.height,
    }


def describe_crop(crop: Crop | None) -> dict[str, int] | None:
    return None if crop is None else {"x": crop.x, "y": crop.y, "side": crop.side}


def read_crop(form: Form) -> Crop | None:
    """The form's own crop. Raises UnprocessableError for one that cannot be read."""
    text = form.text("crop")
    if text is None or not text.strip():
        return None
    try:
        given = json.loads(text)
        x, y, side = (round(float(given[name])) for name in ("x", "y", "side"))
    except (ValueError, TypeError, KeyError, IndexError, OverflowError, RecursionError):
        raise UnprocessableError('Write the crop as JSON: {"x": 0, "y": 0, "side": 512}.', problem="crop") from None
    if max(abs(x), abs(y), abs(side)) > 10**9:
        raise UnprocessableError("The crop lies far outside of any picture.", problem="crop")
    return Crop(x, y, side)


def _address(avatar: Avatar) -> str:
    return f"/v1/avatars/{avatar.id}"


async def _find(request: Request, services: Services, avatar_id: str) -> tuple[Avatar, str]:
    """An avatar and its owner. The built-in ones are for everybody; others take a credential of their owner's. Raises
    NotFoundError, UnauthorizedError and RateLimitError."""
    builtin = services.avatars.find_builtin(avatar_id)
    if builtin is not None:
        return builtin, ""
    identity = identify(request, credential_of(request)[0])
    await services.avatars.refresh(avatar_id)
    return services.avatars.get(avatar_id, identity.owner), identity.owner


def _check_own(avatar: Avatar) -> None:
    if avatar.builtin:
        raise ForbiddenError(f"{avatar.name} comes with the server, and stays as it is.", problem="builtin-portrait")


def _caching(avatar: Avatar, version: str) -> dict[str, str]:
    """An uploaded portrait's id is made of its pixels, so that its image never changes."""
    control = "public, max-age=3600" if avatar.builtin else f"private, max-age={YEAR_S}, immutable"
    headers = {"ETag": f'"{version}"', "Cache-Control": control}
    return headers if avatar.builtin else headers | {"Vary": "Authorization"}


def _unchanged(request: Request, etag: str) -> bool:
    """RFC 9110 section 13.1.2."""
    given = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    return etag in given or "*" in given
