"""Every message on the wire, both directions: frozen dataclasses, :func:`decode`, :func:`encode`.

Signal socket, from the client: Offer, Candidate, ChooseAvatar, ChooseLatency, Interrupt, Bye;
to the client: Answer, Candidate, StateMessage, Stats, ErrorMessage.
Speech socket, from the client: End, Interrupt; to the client: Playback.
Data channel, from the client: Ping; to the client: Pong, Stats, TracedStats.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, ClassVar, Literal, TypeAlias, TypeVar, get_args

from livehead.core.latency import Percentiles
from livehead.core.lifecycle import State
from livehead.core.limits import MAX_SDP
from livehead.errors import LiveheadError, MalformedError, TooLargeError

MAX_MESSAGE = 2 * MAX_SDP
"""Bytes of a text message on a socket: a description, escaped, and some room."""

MAX_CANDIDATE = 4096
MAX_NAME = 256
MAX_TOKEN = 8192
MAX_SEED = 2**63 - 1

Voice: TypeAlias = Literal["on", "off"]
Source: TypeAlias = Literal["mic", "push"]
PlaybackState: TypeAlias = Literal["started", "finished", "interrupted"]


@dataclass(frozen=True, slots=True)
class Offer:
    """What is None was not given: the server's default holds."""

    type: ClassVar[str] = "offer"
    sdp: str
    avatar: str | None = None
    latency: str | None = None
    voice: Voice | None = None
    source: Source | None = None
    probe: bool = False
    seed: int | None = None
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class IceCandidate:
    """RTCIceCandidateInit of the WebRTC specification."""

    candidate: str
    sdpMid: str | None = None
    sdpMLineIndex: int | None = None
    usernameFragment: str | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """None ends the candidates."""

    type: ClassVar[str] = "candidate"
    candidate: IceCandidate | None


@dataclass(frozen=True, slots=True)
class ChooseAvatar:
    type: ClassVar[str] = "avatar"
    id: str


@dataclass(frozen=True, slots=True)
class ChooseLatency:
    type: ClassVar[str] = "latency"
    preset: str


@dataclass(frozen=True, slots=True)
class Interrupt:
    """Drop what was not shown yet. On both sockets."""

    type: ClassVar[str] = "interrupt"


@dataclass(frozen=True, slots=True)
class Bye:
    type: ClassVar[str] = "bye"


@dataclass(frozen=True, slots=True)
class End:
    """An utterance is complete."""

    type: ClassVar[str] = "end"


@dataclass(frozen=True, slots=True)
class Answer:
    type: ClassVar[str] = "answer"
    sdp: str
    session: str


@dataclass(frozen=True, slots=True)
class StateMessage:
    type: ClassVar[str] = "state"
    state: State
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Spread:
    p50: float
    p95: float

    @classmethod
    def of(cls, figures: Percentiles) -> Spread:
        return cls(round(figures.p50, 2), round(figures.p95, 2))


@dataclass(frozen=True, slots=True)
class Stats:
    """A session's figures, once a second. ``k`` is the last block sent, None before the first."""

    type: ClassVar[str] = "stats"
    k: int | None
    delay_ms: float
    bound_ms: int
    generate_ms: Spread
    queue: int
    repeated: int
    dropped: int
    skipped: int
    fps: float
    skew_ms: float
    concealed_ms: float


@dataclass(frozen=True, slots=True)
class TracedStats(Stats):
    """With probe, on the data channel: where the time of each frame went that was sent since the last figures.

    ``blocks`` holds ``[k, sent, buffer, window, queue, generate, playout, send]``: ``sent`` on the server's clock in
    seconds, the parts of :class:`~livehead.core.latency.Breakdown` in milliseconds.
    """

    blocks: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class Ping:
    """From the client, on the data channel."""

    type: ClassVar[str] = "ping"
    id: int


@dataclass(frozen=True, slots=True)
class Pong:
    """Answers a ping; ``clock`` is the server's monotonic clock in seconds."""

    type: ClassVar[str] = "pong"
    id: int
    clock: float


@dataclass(frozen=True, slots=True)
class ErrorMessage:
    """``error`` is a problem object of RFC 9457."""

    type: ClassVar[str] = "error"
    error: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Playback:
    type: ClassVar[str] = "playback"
    state: PlaybackState
    k: int


FromClient: TypeAlias = Offer | Candidate | ChooseAvatar | ChooseLatency | Interrupt | Bye
ToClient: TypeAlias = Answer | Candidate | StateMessage | Stats | ErrorMessage
FromSpeaker: TypeAlias = End | Interrupt
FromChannel: TypeAlias = Ping
Message: TypeAlias = FromClient | ToClient | FromSpeaker | Playback | Ping | Pong

Inbound = TypeVar("Inbound")


def decode(text: str | bytes) -> FromClient:
    """A message of the signal socket. Fields that are not known are ignored.

    Raises :class:`TooLargeError` past :data:`MAX_MESSAGE` or :data:`MAX_SDP`, and
    :class:`MalformedError` with the problem ``malformed-json``, ``unknown-type`` or ``malformed``.
    """
    body = _object(text)
    return _choose(_SIGNAL, body)


def decode_speech(text: str | bytes) -> FromSpeaker:
    """A text message of the speech socket; raises like :func:`decode`."""
    body = _object(text)
    return _choose(_SPEECH, body)


def decode_channel(text: str | bytes) -> FromChannel:
    """A message of the data channel; raises like :func:`decode`."""
    body = _object(text)
    return _choose(_CHANNEL, body)


def encode(message: Message) -> str:
    """One line of JSON, the ``type`` first. Raises ``ValueError`` for numbers that are not finite."""
    body = {"type": message.type, **_plain(message)}
    return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def stats_object(stats: Stats) -> dict[str, Any]:
    """The figures alone, as ``GET`` of a session shows them."""
    return _plain(stats)


def problem_object(error: LiveheadError) -> dict[str, Any]:
    """An error as a problem object of RFC 9457."""
    return {"type": f"urn:livehead:{error.problem}", "title": error.title, "status": error.status, "detail": str(error)}


def check_sdp(sdp: str) -> str:
    """``sdp`` itself. Raises :class:`TooLargeError` past :data:`MAX_SDP` and :class:`MalformedError`
    for what cannot be a description at all."""
    if len(sdp) > MAX_SDP or len(_utf8(sdp, "sdp")) > MAX_SDP:
        raise TooLargeError(f"the session description is larger than {MAX_SDP // 1024} KiB")
    if not sdp.startswith("v=0"):
        raise MalformedError("the session description does not start with v=0: send an SDP offer")
    return sdp


def _plain(value: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for each in fields(value):
        item = getattr(value, each.name)
        if is_dataclass(item):
            item = _plain(item)
        elif isinstance(item, Mapping):
            item = dict(item)
        plain[each.name] = item
    return plain


def _object(text: str | bytes) -> dict[str, Any]:
    if len(text) > MAX_MESSAGE or (isinstance(text, str) and len(_utf8(text, "message")) > MAX_MESSAGE):
        raise TooLargeError(f"the message is larger than {MAX_MESSAGE // 1024} KiB")
    try:
        body = json.loads(text, parse_constant=_not_finite, parse_float=_finite)
    except RecursionError:
        raise MalformedError("the JSON is nested too deeply", problem="malformed-json") from None
    except ValueError as error:
        raise MalformedError(f"this is not JSON: {error}", problem="malformed-json") from None
    if not isinstance(body, dict):
        raise MalformedError('a message is a JSON object with a "type"')
    return body


def _not_finite(text: str) -> float:
    raise ValueError(f"{text} is no JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


def _utf8(text: str, name: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise MalformedError(f'"{name}" holds characters that are not Unicode text') from None


def _choose(table: Mapping[str, Callable[[dict[str, Any]], Inbound]], body: dict[str, Any]) -> Inbound:
    name = body.get("type")
    if not isinstance(name, str):
        raise MalformedError('the message has no "type"')
    decoder = table.get(name)
    if decoder is None:
        known = ", ".join(table)
        raise MalformedError(f"no message has the type {name[:40]!r}; known are {known}", problem="unknown-type")
    return decoder(body)


def _text(body: dict[str, Any], name: str, limit: int) -> str | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise MalformedError(f'"{name}" must be a string')
    if len(value) > limit or len(_utf8(value, name)) > limit:
        raise TooLargeError(f'"{name}" is longer than {limit} bytes')
    return value


def _required(value: str | None, name: str) -> str:
    if not value:
        raise MalformedError(f'the message needs "{name}", a string that is not empty')
    return value


def _one_of(body: dict[str, Any], name: str, choices: tuple[str, ...]) -> Any:
    value = body.get(name)
    if value is not None and value not in choices:
        raise MalformedError(f'"{name}" must be one of {", ".join(choices)}')
    return value


def _whole(body: dict[str, Any], name: str, limit: int) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= limit:
        raise MalformedError(f'"{name}" must be a whole number from 0 to {limit}')
    return value


def _required_whole(body: dict[str, Any], name: str, limit: int) -> int:
    value = _whole(body, name, limit)
    if value is None:
        raise MalformedError(f'the message needs "{name}", a whole number')
    return value


def _offer(body: dict[str, Any]) -> Offer:
    probe = body.get("probe")
    if probe is not None and not isinstance(probe, bool):
        raise MalformedError('"probe" must be true or false')
    return Offer(
        sdp=check_sdp(_required(_text(body, "sdp", MAX_MESSAGE), "sdp")),
        avatar=_text(body, "avatar", MAX_NAME),
        latency=_text(body, "latency", MAX_NAME),
        voice=_one_of(body, "voice", get_args(Voice)),
        source=_one_of(body, "source", get_args(Source)),
        probe=bool(probe),
        seed=_whole(body, "seed", MAX_SEED),
        token=_text(body, "token", MAX_TOKEN),
    )


def _candidate(body: dict[str, Any]) -> Candidate:
    if "candidate" not in body:
        raise MalformedError('the message needs "candidate", an RTCIceCandidateInit object or null')
    inner = body["candidate"]
    if inner is None:
        return Candidate(None)
    if not isinstance(inner, dict):
        raise MalformedError('"candidate" must be an RTCIceCandidateInit object or null')
    line = _text(inner, "candidate", MAX_CANDIDATE)
    if line is None:
        raise MalformedError('the candidate needs "candidate", a string')
    return Candidate(
        IceCandidate(
            line,
            _text(inner, "sdpMid", MAX_NAME),
            _whole(inner, "sdpMLineIndex", 65535),
            _text(inner, "usernameFragment", MAX_NAME),
        )
    )


_SIGNAL: dict[str, Callable[[dict[str, Any]], FromClient]] = {
    "offer": _offer,
    "candidate": _candidate,
    "avatar": lambda body: ChooseAvatar(_required(_text(body, "id", MAX_NAME), "id")),
    "latency": lambda body: ChooseLatency(_required(_text(body, "preset", MAX_NAME), "preset")),
    "interrupt": lambda body: Interrupt(),
    "bye": lambda body: Bye(),
}

_CHANNEL: dict[str, Callable[[dict[str, Any]], FromChannel]] = {
    "ping": lambda body: Ping(_required_whole(body, "id", MAX_SEED)),
}

_SPEECH: dict[str, Callable[[dict[str, Any]], FromSpeaker]] = {
    "end": lambda body: End(),
    "interrupt": lambda body: Interrupt(),
}
