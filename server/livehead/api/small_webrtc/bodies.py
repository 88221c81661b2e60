"""What clients of Pipecat's SmallWebRTCTransport send, and how it is read: pipecat/transports/smallwebrtc/
request_handler.py and pipecat/runner/run.py of pipecat-ai 1.14."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Annotated, Any, Literal, TypeVar, get_type_hints

from pydantic import TypeAdapter, ValidationError

from livehead.core.messages.fields import (
    CandidateLine,
    Choice,
    Flag,
    LineIndex,
    LookObject,
    MustBe,
    Name,
    Record,
    Sdp,
    Seed,
    Token,
    Voice,
)
from livehead.core.source_name import SourceName
from livehead.errors import MalformedError
from livehead.sessions.request import InterruptMode

Body = TypeVar("Body")


@dataclass(frozen=True, slots=True)
class Wanted:
    """``requestData`` of an offer, and ``body`` of a start. What is None was not given: the server's default holds."""

    avatar: Name | None = None
    latency: Name | None = None
    voice: Annotated[Voice, MustBe("one of on, off")] | None = None
    source: Annotated[SourceName, MustBe("one of mic, push")] | None = None
    probe: Flag = False
    seed: Seed | None = None
    interrupt: Annotated[InterruptMode, MustBe("one of off, auto")] | None = None
    record: Record | None = None
    look: LookObject | None = None
    token: Token | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Offer:
    """With the ``pc_id`` of a connection that lives it is a renegotiation, or with ``restart_pc`` the offer of a new
    peer connection in place of that one."""

    sdp: Sdp
    type: Annotated[Literal["offer"], MustBe('"offer"')]
    pc_id: Name | None = None
    restart_pc: Flag = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """An empty ``candidate`` ends the candidates of an m-line (RFC 8840)."""

    candidate: CandidateLine
    sdp_mid: Name | None = None
    sdp_mline_index: LineIndex | None = None


@dataclass(frozen=True, slots=True)
class Candidates:
    pc_id: Choice
    candidates: Annotated[tuple[dict[str, Any], ...], MustBe("a list of objects")]


def read_offer(body: dict[str, Any]) -> tuple[Offer, Wanted | None]:
    """Both names of the field for the client's own data are in use; what is no object there is not meant for us.

    Raises MalformedError and TooLargeError; so do the other functions here. Fields that are not known are ignored.
    """
    data = body.get("request_data") or body.get("requestData")
    return _read(Offer, body), _read(Wanted, data) if isinstance(data, dict) else None


def read_start(body: dict[str, Any]) -> Wanted:
    data = body.get("body")
    return _read(Wanted, data) if isinstance(data, dict) else Wanted()


def read_candidates(body: dict[str, Any]) -> tuple[str, tuple[Candidate, ...]]:
    """The ``pc_id`` and its candidates."""
    patch = _read(Candidates, body)
    return patch.pc_id, tuple(_read(Candidate, each) for each in patch.candidates)


def _read(kind: type[Body], body: dict[str, Any]) -> Body:
    known = {each.name: body[each.name] for each in fields(kind) if each.name in body}  # type: ignore[arg-type]
    try:
        return TypeAdapter(kind).validate_python(known)
    except ValidationError as error:  # what a field holds is told by its MustBe: here one is missing
        name = str(error.errors(include_url=False, include_input=False)[0]["loc"][0])
        hint = get_type_hints(kind, include_extras=True).get(name)
        wanted = next((each.wanted for each in getattr(hint, "__metadata__", ()) if isinstance(each, MustBe)), "given")
        raise MalformedError(f'the request needs "{name}", {wanted}') from None
