"""What callers tell whoever runs the soak. Times are monotonic seconds, which all processes of a machine share."""

from __future__ import annotations

from dataclasses import dataclass, field

from livehead.bench.soak.callers.visits import Kind


@dataclass(frozen=True, slots=True)
class CallerOrder:
    """``number`` tells callers apart; ``most_s`` is how long a visit is at most; ``patience`` how many times as long as
    usual all may take. ``probe``: one long call that measures, instead of visits."""

    url: str
    key: str | None
    seed: int
    number: int
    most_s: float
    patience: float
    probe: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """``status`` and ``problem`` are what the server said; ``retry_after`` is in seconds. ``room_before`` and
    ``room_after`` are how many more such sessions /v1/info had room for, just before and just after: less than none
    where a new worker holds fewer than there are, and None where the server does not say."""

    at: float
    status: int
    problem: str
    retry_after: float | None
    room_before: int | None
    room_after: int | None


@dataclass(frozen=True, slots=True)
class Still:
    """The picture stood still."""

    begins: float
    ends: float

    @property
    def seconds(self) -> float:
        return self.ends - self.begins


@dataclass(slots=True)
class VisitReport:
    """One visit, when it is over. ``frames`` came in ``watched_s`` seconds. ``made``: the film or the render that was
    asked for plays; None where none was. ``error`` says what went wrong."""

    caller: int
    kind: Kind
    begins: float
    bad_line: bool
    ending: str
    ends: float = 0.0
    frames: int = 0
    watched_s: float = 0.0
    stills: list[Still] = field(default_factory=list)
    refusal: Refusal | None = None
    made: bool | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """What the probe saw from ``begins`` to ``ends``. ``skew_ms`` is how far the picture is behind the voice; None
    where nobody spoke. ``fresh`` counts pictures of new blocks."""

    begins: float
    ends: float
    fresh: int
    unreadable: int
    skew_ms: float | None
    stills: tuple[Still, ...]
    error: str | None = None
