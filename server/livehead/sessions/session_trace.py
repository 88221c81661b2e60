"""A session's trace: what is told of it becomes spans.

session ─┬─ viewer ── join ─┬─ answer
         │                  ├─ check, ice, dtls
         │                  └─ first-frame
         ├─ utterance, user-speech
         ├─ preset-move
         ├─ engine-down, takeover
         ├─ recording
         └─ close
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from livehead.core.messages.from_server import (
    AvatarActivity,
    LatencyNotice,
    RecordingNotice,
    StateMessage,
    UserActivity,
)
from livehead.media.peer.setup_times import SetupTimes
from livehead.sessions.request import SessionRequest
from livehead.sessions.status import SessionMessage
from livehead.tracing import trace
from livehead.tracing.trace import Span

ENGINE_DOWN = "engine-down"

STAGES = ("answer", "check", "ice", "dtls", "first-frame")
"""Parts of a viewer's join, each from the end of the one before."""


class SessionTrace:
    """One session's; where there is no tracing it costs next to nothing."""

    def __init__(self, session: str, request: SessionRequest) -> None:
        self._whole = trace.begin(
            "session",
            **{
                "livehead.session": session,
                "livehead.avatar": request.avatar,
                "livehead.latency": request.latency,
                "livehead.source": request.source,
                "livehead.record": request.record,
            },
        )
        self._open: dict[str, Span] = {}
        self._viewers: dict[str, Span] = {}
        self._takeovers: int | None = None

    @property
    def id(self) -> str | None:
        """The trace's, for the log."""
        return self._whole.id

    def told(self, message: SessionMessage) -> None:
        """A message of the session to its listeners."""
        match message:
            case StateMessage(state, reason):
                self._whole.event("state", state=state.value, reason=reason or "")
                self._follow(ENGINE_DOWN, on=reason == ENGINE_DOWN)
            case AvatarActivity(state):
                self._follow("utterance", on=state == "speaking")
            case UserActivity(state):
                self._follow("user-speech", on=state == "speaking")
            case RecordingNotice(on):
                self._follow("recording", on=on)
            case LatencyNotice(preset, by):
                if (move := self._open.pop("preset-move", None)) is not None:
                    move.end(preset=preset, by=by)
                else:
                    self._whole.event("preset", preset=preset, by=by)

    def moving(self, before: str, after: str, by: str) -> None:
        """It is on its way to another latency preset."""
        self._end("preset-move", failed="another one was wanted before")
        if before != after:
            self._begin("preset-move", **{"from": before, "to": after, "by": by})

    def look(self, takeovers: int, at: float | None, frames_at: float | None) -> None:
        """How many takeovers the engine had, when the last was, and when frames came last; a few times a second."""
        if self._takeovers is not None and takeovers > self._takeovers and at is not None:
            self._open["takeover"] = self._whole.span("takeover", began=at)
        self._takeovers = takeovers
        if "takeover" in self._open and at is not None and frames_at is not None and frames_at > at:
            self._open.pop("takeover").end(frames_at)

    def joined(self, viewer: str, setup: SetupTimes, *, caller: bool) -> None:
        """A viewer was shown its first frame, or is connected and takes none."""
        if viewer not in self._viewers:
            self._viewers[viewer] = self._join(setup, caller=caller, failed=None)

    def left(self, viewer: str, setup: SetupTimes, reason: str, *, caller: bool) -> None:
        """A viewer has ended."""
        span = self._viewers.pop(viewer, None)
        if span is None:
            span = self._join(setup, caller=caller, failed=None if setup.connected else reason)
        span.end(reason=reason)

    def closing(self) -> None:
        """The end has begun."""
        self._begin("close")

    def closed(self, reason: str) -> None:
        """Everything is given back."""
        for name in list(self._open):
            self._end(name)
        for span in self._viewers.values():
            span.end()
        self._viewers.clear()
        ended: dict[str, Any] = {"livehead.reason": reason}
        self._whole.end(failed=reason if reason == "failed" else None, **ended)

    def _join(self, setup: SetupTimes, *, caller: bool, failed: str | None) -> Span:
        viewer = self._whole.span("viewer", began=setup.offered, caller=caller, candidate=setup.candidate or "unknown")
        join = self._whole.span("join", began=setup.offered, parent=viewer)
        times = (setup.offered, setup.answered, setup.heard, setup.ice, setup.connected, setup.frame)
        last = setup.offered
        for name, (begin, end) in zip(STAGES, pairwise(times), strict=True):
            if begin is None or end is None:
                break
            self._whole.span(name, began=begin, parent=join).end(max(begin, end))
            last = end
        join.end(None if failed else last, failed=failed)
        return viewer

    def _follow(self, name: str, *, on: bool) -> None:
        if on and name not in self._open:
            self._begin(name)
        elif not on:
            self._end(name)

    def _begin(self, name: str, **attributes: Any) -> None:
        self._open[name] = self._whole.span(name, **attributes)

    def _end(self, name: str, failed: str | None = None) -> None:
        if (span := self._open.pop(name, None)) is not None:
            span.end(failed=failed)
