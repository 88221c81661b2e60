"""/v1/recordings: films and replay files of sessions that were opened with ``record``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, Depends, Request, Response

from livehead.api.guard import Guard
from livehead.api.services import ServicesDep
from livehead.api.store.object_response import send_object
from livehead.core.identity import Identity, Role
from livehead.errors import ConflictError, NotFoundError
from livehead.store.recordings.recording import SUFFIXES, Recording, RecordingKind

Owner: TypeAlias = Annotated[Identity, Depends(Guard(Role.OPEN))]

router = APIRouter(prefix="/v1/recordings", tags=["recordings"])

MEDIA_TYPES: dict[RecordingKind, str] = {"film": "video/mp4", "replay": "application/octet-stream"}

NO_RECORDING: dict[str, Any] = {"description": "No such recording, or another key's"}
STILL_RECORDING: dict[str, Any] = {"description": "It is still being recorded"}


@router.get("", summary="Your recordings, the newest first")
async def list_recordings(services: ServicesDep, identity: Owner, response: Response) -> list[dict[str, Any]]:
    """A key's are all of its own, a token's those of the sessions that it opened."""
    response.headers["Cache-Control"] = "no-store"
    return [describe(each) for each in await services.recordings.listed(identity)]


@router.get(
    "/{recording_id}",
    summary="A recording's file",
    response_class=Response,
    responses={
        200: {"content": {media_type: {} for media_type in MEDIA_TYPES.values()}},
        206: {"description": "The Range that was asked for"},
        404: NO_RECORDING,
        409: STILL_RECORDING,
        416: {"description": "Nothing of the Range is in the file"},
    },
)
async def get_recording(recording_id: str, request: Request, services: ServicesDep, identity: Owner) -> Response:
    recording = await services.recordings.find(recording_id, identity)
    if recording.state == "recording":
        raise ConflictError("This is still being recorded. End its session first.", problem="still-recording")
    file = await services.recordings.served(recording)
    if file is None:
        raise NotFoundError("Nothing was kept of this recording, it failed. DELETE removes its entry.")
    name = f"livehead-{recording.avatar}-{_started(recording):%Y%m%d-%H%M%S}{SUFFIXES[recording.kind]}"
    return await send_object(
        request,
        file,
        media_type=MEDIA_TYPES[recording.kind],
        filename=name,
        headers={"Cache-Control": "private, no-cache"},
    )


@router.delete(
    "/{recording_id}",
    status_code=204,
    summary="Delete a recording",
    response_class=Response,
    responses={404: NO_RECORDING, 409: STILL_RECORDING},
)
async def delete_recording(recording_id: str, services: ServicesDep, identity: Owner) -> Response:
    await services.recordings.delete(recording_id, identity)
    return Response(status_code=204)


def describe(recording: Recording) -> dict[str, Any]:
    """A recording as clients see it."""
    return {
        "id": recording.id,
        "session": recording.session,
        "avatar": recording.avatar,
        "kind": recording.kind,
        "started": _started(recording).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "seconds": recording.seconds,
        "bytes": recording.bytes,
        "state": recording.state,
    }


def _started(recording: Recording) -> datetime:
    return datetime.fromtimestamp(recording.started, UTC)
