"""What a client may choose when it opens a session: in the query beside an offer, or in a JSON body."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from fastapi import Depends, Query

from livehead.api.services import Services, ServicesDep
from livehead.avatars import DEFAULT_ID
from livehead.core.limits import MAX_NAME, MAX_SEED
from livehead.core.look import KEEP, read_look
from livehead.core.messages.from_client import CreateSession
from livehead.core.messages.json_object import read_object
from livehead.core.record_mode import RecordMode
from livehead.core.source_name import SourceName
from livehead.errors import UnprocessableError
from livehead.sessions.request import InterruptMode, SessionRequest
from livehead.settings import LatencyChoice

RECORD_MODES: dict[str, RecordMode] = {"0": "off", "1": "film", "replay": "replay"}
MAX_JSON_LOOK = 1024
"""Characters of a look in the query."""


async def _from_query(
    services: ServicesDep,
    latency: Annotated[
        LatencyChoice | None, Query(description="latency preset; auto: the lowest delay that the server's load allows")
    ] = None,
    voice: Annotated[
        Literal["on", "off"] | None,
        Query(description="send the session's own audio back; by default off for source=mic, on for source=push"),
    ] = None,
    source: Annotated[SourceName, Query(description="where the speech comes from")] = "mic",
    probe: Annotated[Literal["0", "1"], Query(description="draw the test pattern into the frame")] = "0",
    seed: Annotated[int | None, Query(ge=0, le=MAX_SEED, description="makes the portrait's idle repeatable")] = None,
    interrupt: Annotated[
        InterruptMode, Query(description="auto: a user who begins to speak interrupts the portrait")
    ] = "off",
    record: Annotated[
        Literal["0", "1", "replay"],
        Query(description="1 keeps a film of the session, replay what it takes to render it again"),
    ] = "0",
    look: Annotated[
        str | None,
        Query(
            max_length=MAX_JSON_LOOK,
            description='JSON: {"background": "keep", "#rrggbb", "blur", "transparent" or the id of an avatar}',
        ),
    ] = None,
) -> SessionRequest:
    return SessionRequest(
        avatar=DEFAULT_ID,
        latency=latency or services.settings.sessions.latency,
        voice=None if voice is None else voice == "on",
        source=source,
        probe=probe == "1",
        seed=seed,
        interrupt=interrupt,
        record=RECORD_MODES[record],
        look=KEEP if look is None else read_look(read_object(look, MAX_JSON_LOOK)),
    )


QueriedOptions: TypeAlias = Annotated[SessionRequest, Depends(_from_query)]
"""The query's options, with the built-in portrait."""

AvatarQuery: TypeAlias = Annotated[str, Query(max_length=MAX_NAME, description="id of the portrait")]


def from_body(body: CreateSession, services: Services) -> SessionRequest:
    """For a session without a peer. Raises UnprocessableError where it is to be driven by a microphone, of which it
    would have none."""
    if body.source == "mic":
        raise UnprocessableError(
            "A session without a peer has no microphone of its own; source must be push. Send an SDP offer to open one "
            "that a microphone drives."
        )
    return SessionRequest(
        avatar=body.avatar or DEFAULT_ID,
        latency=body.latency or services.settings.sessions.latency,
        source="push",
        probe=body.probe,
        seed=body.seed,
        interrupt=body.interrupt or "off",
        record=body.record or "off",
        look=body.look or KEEP,
    )
