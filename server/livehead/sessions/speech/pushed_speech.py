"""Speech that a session is given: who pushes it, texts that it is asked to say, and what of it a screen has shown."""

from __future__ import annotations

import time
from collections.abc import Callable

from livehead.core.messages.from_client import Shown
from livehead.core.messages.from_server import Playback
from livehead.core.sent_frames import SentFrames
from livehead.errors import ConflictError
from livehead.logs import SessionLog
from livehead.metrics import Metrics
from livehead.sessions.admission.steering_rates import SteeringRates
from livehead.sessions.pipeline import Pipeline
from livehead.sessions.sources.push import PushSource
from livehead.sessions.sources.speaker import Speaker
from livehead.sessions.speech.say_queue import SayQueue, Speech
from livehead.sessions.viewers.screen import Screen
from livehead.sessions.viewers.viewer import Viewer


class PushedSpeech:
    """One session's. At most one speaks at a time: a backend, or the server itself, a text that it was asked to say."""

    def __init__(
        self,
        source: PushSource,
        pipeline: Pipeline,
        frames: SentFrames,
        rates: SteeringRates,
        metrics: Metrics,
        log: SessionLog,
    ) -> None:
        self._source = source
        self._pipeline = pipeline
        self._rates = rates
        self._screen = Screen(frames)
        self._speaker: Speaker | None = None
        self._say_queue = SayQueue(self.admit, metrics, log)
        pipeline.on_interrupt = self._say_queue.interrupt

    async def run(self) -> None:
        """Say what is asked for, until cancelled."""
        await self._say_queue.run()

    def admit(self, rate: int, on_playback: Callable[[Playback], None]) -> Speaker:
        """Let a backend speak, PCM16LE mono of ``rate`` Hz, until it is released. Raises UnprocessableError for an
        impossible rate, and ConflictError where there is a speaker already."""
        if self._speaker is not None:
            raise ConflictError(
                "Somebody speaks through this session already: on its speech socket, which would have to be closed, or "
                "a text is being said; wait a little, or interrupt it."
            )
        self._speaker = Speaker(
            self._source,
            self._pipeline,
            rate,
            on_playback,
            self._dismiss,
            count_interrupt=self._rates.count_interrupt,
        )
        return self._speaker

    async def say(self, speech: Speech) -> None:
        """Speak the speech of a text, behind those that it was asked to say before; returns when its first audio has
        come. Raises RateLimitError, and what :meth:`SayQueue.say` raises."""
        self._rates.count_text()
        await self._say_queue.say(speech)

    def shown(self, viewer: Viewer, shown: Shown) -> None:
        """A viewer's screen has presented a frame."""
        now = time.monotonic()
        k = self._screen.read(viewer.id, shown, viewer.peer.index_of, now)
        if k is not None:
            self._source.frame_shown(k, now)

    def left(self, viewer: Viewer) -> None:
        """A viewer has left."""
        if self._screen.leave(viewer.id):
            self._source.screen_lost(time.monotonic())

    def _dismiss(self) -> None:
        self._speaker = None
