"""Every message that a client or a backend may send, and how it is read.

Signal socket: Offer, Candidate, ChooseAvatar, ChooseLook, ChooseLatency, ChooseVoice, Interrupt, Bye.
Speech socket: End, Interrupt. Data channel: Ping, Shown, ChooseVoice, Interrupt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, ClassVar, Literal, TypeAlias, TypeVar, cast, get_args, get_type_hints

from pydantic import StrictBool, StrictStr, TypeAdapter, ValidationError

from livehead.core.limits import MAX_MESSAGE
from livehead.core.messages.fields import (
    BlockIndex,
    CandidateLine,
    Choice,
    Flag,
    LineIndex,
    LookObject,
    MustBe,
    Name,
    PingId,
    Record,
    RtpTimestamp,
    Sdp,
    Seed,
    Token,
    Voice,
)
from livehead.core.messages.json_object import read_object
from livehead.core.source_name import SourceName
from livehead.errors import MalformedError


@dataclass(frozen=True, slots=True)
class Offer:
    """What is None was not given: the server's default holds."""

    type: ClassVar[str] = "offer"
    sdp: Sdp
    avatar: Name | None = None
    latency: Name | None = None
    voice: Annotated[Voice, MustBe("one of on, off")] | None = None
    source: Annotated[SourceName, MustBe("one of mic, push")] | None = None
    probe: Flag = False
    seed: Seed | None = None
    interrupt: Annotated[Literal["off", "auto"], MustBe("one of off, auto")] | None = None
    record: Record | None = None
    look: LookObject | None = None
    token: Token | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class CreateSession:
    """The JSON body that opens a session without a peer. What is None was not given: the server's default holds."""

    avatar: Name | None = None
    latency: Name | None = None
    source: Annotated[SourceName, MustBe("one of mic, push")] | None = None
    probe: Flag = False
    seed: Seed | None = None
    interrupt: Annotated[Literal["off", "auto"], MustBe("one of off, auto")] | None = None
    record: Record | None = None
    look: LookObject | None = None


@dataclass(frozen=True, slots=True)
class IceCandidate:
    """RTCIceCandidateInit of the WebRTC specification."""

    candidate: CandidateLine
    sdpMid: Name | None = None
    sdpMLineIndex: LineIndex | None = None
    usernameFragment: Name | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """None ends the candidates. The server sends it too."""

    type: ClassVar[str] = "candidate"
    candidate: Annotated[IceCandidate | None, MustBe('an RTCIceCandidateInit object with its "candidate", or null')]


@dataclass(frozen=True, slots=True)
class ChooseAvatar:
    type: ClassVar[str] = "avatar"
    id: Choice


@dataclass(frozen=True, slots=True)
class ChooseLook:
    type: ClassVar[str] = "look"
    look: LookObject


@dataclass(frozen=True, slots=True)
class ChooseLatency:
    type: ClassVar[str] = "latency"
    preset: Choice


@dataclass(frozen=True, slots=True)
class ChooseVoice:
    """Whether the session's audio is sent to this viewer. On the signal socket and on the data channel."""

    type: ClassVar[str] = "voice"
    on: Annotated[StrictBool, MustBe("true or false")]


@dataclass(frozen=True, slots=True)
class Interrupt:
    """Drop what was not shown yet. On both sockets and on the data channel."""

    type: ClassVar[str] = "interrupt"


@dataclass(frozen=True, slots=True)
class Bye:
    type: ClassVar[str] = "bye"


@dataclass(frozen=True, slots=True)
class End:
    """An utterance is complete."""

    type: ClassVar[str] = "end"


@dataclass(frozen=True, slots=True)
class Ping:
    type: ClassVar[str] = "ping"
    id: PingId


@dataclass(frozen=True, slots=True)
class Shown:
    """The last frame that the viewer's screen has presented: its RTP timestamp, or the block that its test code names
    (modulo 65536), or both."""

    type: ClassVar[str] = "shown"
    rtp: RtpTimestamp | None = None
    k: BlockIndex | None = None


@dataclass(frozen=True, slots=True)
class Say:
    """The body of a request to say a text."""

    text: Annotated[StrictStr, MustBe("the text to say, a string")]
    voice: Choice | None = None


OnSignal: TypeAlias = Offer | Candidate | ChooseAvatar | ChooseLook | ChooseLatency | ChooseVoice | Interrupt | Bye
OnSpeech: TypeAlias = End | Interrupt
OnChannel: TypeAlias = Ping | Shown | ChooseVoice | Interrupt

Received = TypeVar("Received")


def decode_signal(text: str | bytes) -> OnSignal:
    """A message of the signal socket. Fields that are not known are ignored.

    Raises :class:`~livehead.errors.TooLargeError` past :data:`~livehead.core.limits.MAX_MESSAGE` or the limit of a
    field, and :class:`MalformedError` with the problem ``malformed-json``, ``unknown-type`` or ``malformed``.
    """
    return cast(OnSignal, _decode(text, _SIGNAL))


def decode_speech(text: str | bytes) -> OnSpeech:
    """A text message of the speech socket; raises like :func:`decode_signal`."""
    return cast(OnSpeech, _decode(text, _SPEECH))


def decode_channel(text: str | bytes) -> OnChannel:
    """A message of the data channel; raises like :func:`decode_signal`."""
    return cast(OnChannel, _decode(text, _CHANNEL))


def read_creation(body: dict[str, Any]) -> CreateSession:
    """Fields that are not known are ignored. Raises TooLargeError and MalformedError as :func:`decode_signal`."""
    return cast(CreateSession, _CREATION(body))


def read_say(body: dict[str, Any]) -> Say:
    """Raises like :func:`read_creation`."""
    return cast(Say, _SAY(body))


class _Reader:
    """Reads the body of one type of message."""

    def __init__(self, kind: type[Any]) -> None:
        self._adapter: TypeAdapter[Any] = TypeAdapter(kind)
        self._fields = [each.name for each in fields(kind)]
        self._wanted = {
            name: must_be.wanted
            for name, hint in get_type_hints(kind, include_extras=True).items()
            for must_be in getattr(hint, "__metadata__", ())
            if isinstance(must_be, MustBe)
        }

    def __call__(self, body: dict[str, Any]) -> object:
        try:
            return self._adapter.validate_python({name: body[name] for name in self._fields if name in body})
        except ValidationError as error:  # what a field holds is told by its MustBe: here one is missing
            name = str(error.errors(include_url=False, include_input=False)[0]["loc"][0])
            raise MalformedError(f'the message needs "{name}", {self._wanted[name]}') from None


_CREATION = _Reader(CreateSession)
_SAY = _Reader(Say)
_SIGNAL = {kind.type: _Reader(kind) for kind in get_args(OnSignal)}
_SPEECH = {kind.type: _Reader(kind) for kind in get_args(OnSpeech)}
_CHANNEL = {kind.type: _Reader(kind) for kind in get_args(OnChannel)}


def _decode(text: str | bytes, readers: Mapping[str, _Reader]) -> object:
    body = read_object(text, MAX_MESSAGE)
    name = body.get("type")
    if not isinstance(name, str):
        raise MalformedError('the message has no "type"')
    reader = readers.get(name)
    if reader is None:
        known = ", ".join(readers)
        raise MalformedError(f"no message has the type {name[:40]!r}; known are {known}", problem="unknown-type")
    return reader(body)
