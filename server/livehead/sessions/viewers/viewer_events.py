"""What a session's viewers tell it, and who is told of it."""

from __future__ import annotations

import time
from collections.abc import Callable

from livehead.core.lifecycle import Event
from livehead.core.messages.from_client import Shown
from livehead.logs import SessionLog
from livehead.media.audio.ingest import AudioChunk
from livehead.sessions.hearing.hearing import Hearing
from livehead.sessions.lifetime import Lifetime
from livehead.sessions.pipeline import Pipeline
from livehead.sessions.portrait.portrait import Portrait
from livehead.sessions.sources.mic import MicSource
from livehead.sessions.sources.push import PushSource
from livehead.sessions.speech.pushed_speech import PushedSpeech
from livehead.sessions.status import Status
from livehead.sessions.viewers.viewer import OnViewer, Viewer
from livehead.sessions.viewers.viewer_messages import ViewerMessages
from livehead.sessions.viewers.viewer_setups import ViewerSetups

PLAYS_AFTER_S = 0.3
"""A client that is connected plays what it gets after this long: pushed speech begins no sooner."""


class ViewerEvents(OnViewer):
    """One session's. ``caller`` is the viewer that the session belongs to, None where there is none."""

    def __init__(
        self,
        source: MicSource | PushSource,
        pipeline: Pipeline,
        portrait: Portrait,
        hearing: Hearing,
        speech: PushedSpeech | None,
        lifetime: Lifetime,
        status: Status,
        setups: ViewerSetups,
        log: SessionLog,
        *,
        on_interrupt: Callable[[], None],
        end: Callable[[str], None],
    ) -> None:
        """``on_interrupt`` may raise a RequestError; ``end`` is called with the reason why the caller left."""
        self.caller: Viewer | None = None
        self._source = source
        self._pipeline = pipeline
        self._portrait = portrait
        self._hearing = hearing
        self._speech = speech
        self._lifetime = lifetime
        self._status = status
        self._setups = setups
        self._log = log
        self._messages = ViewerMessages(log, on_interrupt, self._on_shown)
        self._end = end

    def on_heard(self, viewer: Viewer) -> None:
        """See :class:`OnViewer`."""
        if viewer.peer.takes_video:
            self._portrait.awaited.set()

    def on_connected(self, viewer: Viewer) -> None:
        """See :class:`OnViewer`."""
        self._setups.connected(viewer, caller=viewer is self.caller)
        now = time.monotonic()
        if self._lifetime.begun_at is None:
            self._lifetime.begun_at = now
            self._status.on(Event.CONNECTED)
        if viewer.peer.takes_video and not self._portrait.begun.is_set():
            if isinstance(self._source, PushSource):
                self._source.begin_at(now + PLAYS_AFTER_S)
            self._portrait.begun.set()

    def on_first_frame(self, viewer: Viewer) -> None:
        """See :class:`OnViewer`."""
        self._setups.shown(viewer, caller=viewer is self.caller)

    def on_audio(self, viewer: Viewer, audio: AudioChunk) -> None:
        """See :class:`OnViewer`."""
        judged = self._hearing.hear(viewer.id, audio.start, audio.pcm)
        if isinstance(self._source, MicSource) and viewer is self.caller and self._portrait.shown.is_set():
            self._pipeline.push(self._source.hear(audio.start, audio.pcm, judged))

    def on_text(self, viewer: Viewer, text: str) -> None:
        """See :class:`OnViewer`."""
        self._messages.handle(viewer, text)

    def on_media(self, viewer: Viewer, *, lost: bool) -> None:
        """See :class:`OnViewer`. Only its caller's loss degrades a session."""
        if viewer is self.caller:
            self._status.on(Event.MEDIA_LOST if lost else Event.MEDIA_BACK)

    def on_left(self, viewer: Viewer) -> None:
        """A viewer has left; the caller ends the session with it."""
        self._setups.left(viewer, caller=viewer is self.caller)
        self._hearing.leave(viewer.id)
        if self._speech is not None:
            self._speech.left(viewer)
        if viewer is self.caller:
            self._end(viewer.reason)
        else:
            self._log.debug("a viewer left: %s", viewer.reason)

    def _on_shown(self, viewer: Viewer, shown: Shown) -> None:
        if self._speech is not None:
            self._speech.shown(viewer, shown)
