"""POST /v1/sessions/{id}/say: text, spoken by the server's own text-to-speech."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from livehead.api.body import JSON, read_json
from livehead.api.guard import Guard
from livehead.api.services import ServicesDep
from livehead.core.identity import Identity, Role
from livehead.core.messages.from_client import read_say
from livehead.errors import NotConfiguredError
from livehead.speech_synthesis.speech import Speech

router = APIRouter(prefix="/v1/sessions", tags=["sessions"])

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["text"],
    "properties": {"text": {"type": "string"}, "voice": {"type": "string", "nullable": True}},
}


@router.post(
    "/{session_id}/say",
    status_code=202,
    summary="Say a text, with the server's own text-to-speech",
    responses={
        400: {"description": 'No JSON object with a "text"'},
        404: {"description": "No such session, or not any more"},
        409: {"description": "A speech socket is open, or there was an interrupt before the text was said"},
        413: {"description": "The body or the text is too long"},
        415: {"description": f"The body is not {JSON}"},
        422: {"description": "Nothing to say, a voice that there is not, or a session with source=mic"},
        429: {"description": "Too many texts wait, or came at once; Retry-After says when to come back"},
        501: {"description": "The server has no text-to-speech: see --tts"},
        502: {"description": "The text-to-speech failed"},
        503: {"description": "The text-to-speech has too much to do; Retry-After says when to come back"},
        504: {"description": "The text-to-speech did not answer in time"},
    },
    openapi_extra={"requestBody": {"required": True, "content": {JSON: {"schema": SCHEMA}}}},
)
async def say(
    session_id: str,
    request: Request,
    response: Response,
    services: ServicesDep,
    identity: Annotated[Identity, Depends(Guard(Role.SPEAK))],
) -> dict[str, Any]:
    """Answered when the first audio is there. ``characters`` are those that are spoken."""
    session = services.registry.find(session_id, identity, Role.SPEAK)
    if services.synthesizer is None:
        raise NotConfiguredError(
            "This server has no text-to-speech. Start it with --tts espeak or with --tts and the URL of an "
            "OpenAI-compatible /v1/audio/speech, or push audio to the session's speech socket."
        )
    asked = read_say(await read_json(request))
    speech = Speech(
        services.synthesizer,
        asked.text,
        asked.voice,
        most=services.settings.limits.say_characters,
        seconds=services.settings.synthesis.tts_seconds,
    )
    await session.speech.say(speech)
    response.headers["Cache-Control"] = "no-store"
    return {"session": session.id, "characters": speech.characters}
