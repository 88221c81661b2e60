"""Viewers are told that they are recorded."""

from __future__ import annotations

from collections.abc import Iterable
from weakref import WeakKeyDictionary

from livehead.core.messages.from_server import RecordingNotice, encode
from livehead.media.peer.channel import LABEL
from livehead.sessions.recording.base import RecordingStatus
from livehead.sessions.status import Status
from livehead.sessions.viewers.viewer import Viewer


class RecordingNotices:
    """Listeners are told at every change; so is each viewer, and what holds when its data channel opens."""

    def __init__(self, status: Status) -> None:
        self._status = status
        self._last: bool | None = None
        self._told: WeakKeyDictionary[Viewer, bool] = WeakKeyDictionary()

    def look(self, recording: RecordingStatus | None, viewers: Iterable[Viewer]) -> None:
        """A few times a second."""
        if recording is None:
            return
        notice = RecordingNotice(recording.on, recording.id)
        if recording.on != self._last:
            self._last = recording.on
            self._status.tell(notice)
        for viewer in viewers:
            due = viewer.peer.channel == LABEL and self._told.get(viewer) != recording.on
            if due and viewer.peer.send_text(encode(notice)):
                self._told[viewer] = recording.on
