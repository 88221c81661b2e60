"""What became of the connections of a session's viewers, and how long each step took."""

from __future__ import annotations

from livehead.media.peer.setup_times import SetupTimes
from livehead.series.network import NetworkSeries
from livehead.sessions.session_trace import SessionTrace
from livehead.sessions.viewers.viewer import Viewer

FAILURES = frozenset({"never-connected", "gone", "failed", "media-failed"})
"""Reasons for a viewer's end that are failures, where it comes before it is connected."""


class ViewerSetups:
    """Told of one session's viewers, it counts, and makes spans of it."""

    def __init__(self, series: NetworkSeries, trace: SessionTrace) -> None:
        self._series = series
        self._trace = trace

    def connected(self, viewer: Viewer, *, caller: bool) -> None:
        """It is connected."""
        setup = viewer.peer.setup
        self._series.setups.labels("connected").inc()
        self._series.paths.labels(setup.candidate or "unknown").inc()
        self._observe("check", setup.answered, setup.heard)
        self._observe("ice", setup.heard, setup.ice)
        self._observe("dtls", setup.ice, setup.connected)
        if not viewer.peer.takes_video:
            self._trace.joined(viewer.id, setup, caller=caller)

    def shown(self, viewer: Viewer, *, caller: bool) -> None:
        """Its first frame went out."""
        setup = viewer.peer.setup
        self._observe("frame", setup.connected, setup.frame)
        self._observe("total", setup.answered, setup.frame)
        self._trace.joined(viewer.id, setup, caller=caller)

    def left(self, viewer: Viewer, *, caller: bool) -> None:
        """It has ended."""
        setup = viewer.peer.setup
        if setup.connected is None and setup.answered is not None:
            self._series.setups.labels(outcome_of(setup, viewer.reason)).inc()
        self._trace.left(viewer.id, setup, viewer.reason, caller=caller)

    def _observe(self, stage: str, begin: float | None, end: float | None) -> None:
        if begin is not None and end is not None:
            self._series.setup.labels(stage).observe(max(0.0, end - begin))


def outcome_of(setup: SetupTimes, reason: str) -> str:
    """What kept a viewer from being connected; ``reason`` is why it ended."""
    if reason not in FAILURES:
        return "left"
    if setup.heard is None:
        return "unheard"
    return "ice-failed" if setup.ice is None else "dtls-failed"
