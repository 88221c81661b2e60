"""Every message that the server sends, and how it is written.

Signal socket: Answer, StateMessage, Stats, ErrorMessage, and
:class:`~livehead.core.messages.from_client.Candidate`. Speech socket: Playback, ErrorMessage.
Hearing socket: UserActivity, ErrorMessage. Data channel: Pong, Stats, TracedStats, AvatarActivity, UserActivity.
Signal socket and data channel: RecordingNotice, LatencyNotice.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import Field, dataclass, fields, is_dataclass
from typing import Any, ClassVar, Literal, Protocol, TypeAlias

from livehead.core.latency import Percentiles
from livehead.core.lifecycle import State
from livehead.errors import LiveheadError, RequestError

PlaybackState: TypeAlias = Literal["started", "finished", "interrupted"]
ActivityState: TypeAlias = Literal["speaking", "silent"]


class Message(Protocol):
    """A dataclass with the ``type`` of the message."""

    type: ClassVar[str]
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


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
    """A session's figures, once a second. ``k`` is the last block sent, None before the first. ``preset`` is the
    latency preset that it has now, ``latency`` what it asked for: the name of one, or ``auto``."""

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
    preset: str
    latency: str


@dataclass(frozen=True, slots=True)
class TracedStats(Stats):
    """With the test pattern, on the data channel: where the time of each frame went that was sent since the last
    figures.

    ``blocks`` holds ``[k, sent, buffer, window, queue, generate, playout, send]``: ``sent`` on the server's clock in
    seconds, the parts of :class:`~livehead.core.latency.Breakdown` in milliseconds.
    """

    blocks: tuple[tuple[float, ...], ...]


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
    """What became of pushed speech, as of block ``k``. ``spoken_ms``: how much of the utterance was sent;
    ``shown_ms``: how much of it a viewer's screen has presented, None where no viewer reports that. ``utterance``
    counts those of one speech socket from 0; None for an interrupt that dropped nothing."""

    type: ClassVar[str] = "playback"
    state: PlaybackState
    k: int
    spoken_ms: int = 0
    shown_ms: int | None = None
    utterance: int | None = None


@dataclass(frozen=True, slots=True)
class AvatarActivity:
    """The portrait began or ceased to speak, with block ``k``."""

    type: ClassVar[str] = "avatar"
    state: ActivityState
    k: int


@dataclass(frozen=True, slots=True)
class UserActivity:
    """A viewer began or ceased to speak; ``at_ms`` is when, on the timeline of the audio that is heard."""

    type: ClassVar[str] = "user"
    state: ActivityState
    at_ms: int


@dataclass(frozen=True, slots=True)
class RecordingNotice:
    """The session is recorded, or not any more. ``id`` is the recording's."""

    type: ClassVar[str] = "recording"
    on: bool
    id: str


@dataclass(frozen=True, slots=True)
class LatencyNotice:
    """The session has another latency preset: windows have its shape from now on. ``by`` the server, as its load asks
    for it, or because its client chose it."""

    type: ClassVar[str] = "latency"
    preset: str
    by: Literal["server", "client"]


def encode(message: Message) -> str:
    """One line of JSON, the ``type`` first. Raises ``ValueError`` for numbers that are not finite."""
    body = {"type": message.type, **_plain(message)}
    return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def stats_object(stats: Stats) -> dict[str, Any]:
    """The figures alone, as ``GET`` of a session shows them."""
    return _plain(stats)


def problem_object(error: LiveheadError) -> dict[str, Any]:
    """An error as a problem object of RFC 9457; ``retry_after`` in seconds where a socket has no Retry-After header."""
    problem: dict[str, Any] = {
        "type": f"urn:livehead:{error.problem}",
        "title": error.title,
        "status": error.status,
        "detail": str(error),
    }
    if isinstance(error, RequestError) and error.retry_after is not None:
        problem["retry_after"] = max(1, math.ceil(error.retry_after))
    return problem


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
