"""What is heard of a session's viewers: who of them speaks, and one stream of audio for a backend.

Of several microphones one is heard at a time. Whoever begins to speak has the floor until silent for half a second;
then whoever speaks has it next. While nobody speaks, the microphone of the last one stays open.

The stream begins with the first viewer's first sample and has no holes: every microphone goes on in real time, its
pauses filled, from its first packet to its end (:mod:`livehead.media.audio.jitter_buffer`), and where no viewer is
left, silence takes the place.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

import numpy as np

from livehead.core.block import SAMPLE_RATE, Pcm
from livehead.core.messages.from_server import ActivityState, UserActivity
from livehead.core.voice.activity import Change
from livehead.core.voice.echo_guard import EchoGuard
from livehead.core.voice.far_end import FarEnd
from livehead.core.voice.speech_gate import JudgedWindow
from livehead.errors import ConflictError
from livehead.logs import SessionLog
from livehead.sessions.hearing.ear import Ear
from livehead.sessions.hearing.models import Models
from livehead.sessions.hearing.viewer_voice import ViewerVoice

FILL_S = 0.02
"""How often silence is filled in while no viewer is there."""

LAG = round(0.06 * SAMPLE_RATE)
"""Silence stays so far behind time: a viewer's audio may come as late."""

PRE_ROLL = round(0.06 * SAMPLE_RATE)
RECALL = SAMPLE_RATE // 2
"""Whoever takes the floor is heard from a little before the detected onset on, at most so far back. That is inserted,
so the stream runs ahead of time by it, until as much of the silence behind is left out."""

MOST_AHEAD = SAMPLE_RATE
"""A stream so far ahead has nothing inserted."""

LEVEL = round(0.04 * SAMPLE_RATE)
"""So far ahead it is in step: audio comes in packets."""


class Hearing:
    """One session's. Everything but :meth:`run` is called on the event loop and returns within a millisecond.

    ``on_activity`` is told when somebody begins and ceases to speak; ``at_ms`` counts from the first viewer's first
    sample. The portrait's own voice in a microphone is not somebody, if :meth:`sent` gets what is sent. With ``early``
    the first viewer is heard speaking from the first word on: the model is there before.
    """

    def __init__(
        self,
        on_activity: Callable[[UserActivity], None],
        log: SessionLog,
        *,
        early: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._on_activity = on_activity
        self._clock = clock
        self._far_end = FarEnd()
        self._voices: dict[str, ViewerVoice] = {}
        self._models = Models(log, early=early)
        self._speaking: dict[str, int] = {}
        """Who speaks, in the order in which they began, and since which sample of their own."""
        self._floor: str | None = None
        self._audible: str | None = None
        """Whose microphone is open."""
        self._taken = 0
        """The sample that comes next, on the timeline of the audible viewer, …"""
        self._position = 0
        """… and on the stream's."""
        self._ahead = 0
        """Samples that were inserted."""
        self._began: float | None = None
        self._ear: Ear | None = None
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Load the models, and fill in silence, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._models.run(), name="hearing-models")
            group.create_task(self._fill(), name="hearing-fill")

    def hear(self, viewer: str, start: int, pcm: Pcm) -> Sequence[JudgedWindow]:
        """A viewer's next samples, float32 at 16 kHz; ``start`` is on that viewer's own timeline. Returns what could be
        judged of its sound by now: its windows, on the same timeline."""
        now = self._clock()
        if self._began is None:
            self._began = now
        voice = self._voices.get(viewer)
        if voice is None:
            voice = self._voices[viewer] = self._new_voice(start, now - (start + len(pcm)) / SAMPLE_RATE)
            self._models.give(voice)
            self._changed.set()
        if self._audible is None:
            self._push_silence(now)
            self._open(viewer, max(start, voice.end))
        changes = voice.hear(start, pcm)
        if self._audible == viewer:
            self._pass_on(voice, now)
        for change in changes:
            self._note(viewer, change)
        return voice.judged

    def leave(self, viewer: str) -> None:
        """The viewer is gone. Twice is once."""
        voice = self._voices.pop(viewer, None)
        if voice is None:
            return
        self._models.take(voice)
        if self._audible == viewer:
            other = next(iter(self._speaking.keys() - {viewer} or self._voices), None)
            self._audible = None
            if other is not None:
                self._open(other, self._voices[other].end)
            self._changed.set()
        if viewer in self._speaking:
            self._note(viewer, Change(False, voice.end))

    def sent(self, pcm: Pcm) -> None:
        """The portrait's next 40 ms were sent to the viewers, silence included: float32 at 16 kHz."""
        self._far_end.push(pcm, self._clock())

    def attach(self, rate: int, on_audio: Callable[[bytes], None], on_activity: Callable[[UserActivity], None]) -> Ear:
        """Let a backend hear, PCM16LE mono of ``rate`` Hz, until it is released. Where somebody speaks at that moment,
        it is told so at once. Raises UnprocessableError for an impossible rate, and ConflictError where there is an
        ear already."""
        if self._ear is not None:
            raise ConflictError("This session has its hearing socket already; close that one first.")
        if self._began is not None:
            self._push_silence(self._clock())
        self._ear = Ear(rate, self._position, on_audio, on_activity, self._dismiss)
        if self._floor is not None:
            self._ear.tell("speaking", self._position)
        self._changed.set()
        return self._ear

    def _dismiss(self) -> None:
        self._ear = None

    def _new_voice(self, start: int, origin: float) -> ViewerVoice:
        """Of a viewer whose sample 0 came at the time ``origin``."""
        guard = EchoGuard(self._far_end)
        return ViewerVoice(start, lambda window, at: guard.is_echo(window, origin + at / SAMPLE_RATE))

    # -- who is heard

    def _note(self, viewer: str, change: Change) -> None:
        if change.speaking:
            self._speaking[viewer] = change.at
        else:
            self._speaking.pop(viewer, None)
            if self._floor == viewer:
                self._floor = None
                self._tell("silent", self._position if self._audible != viewer else self._place(change.at))
        if self._floor is None and self._speaking:
            self._give_floor(next(iter(self._speaking)))

    def _give_floor(self, viewer: str) -> None:
        self._floor = viewer
        onset = self._speaking[viewer]
        if self._audible != viewer:
            voice = self._voices[viewer]
            start = voice.end
            if self._ahead < MOST_AHEAD:
                start = max(onset - PRE_ROLL, voice.end - RECALL)
            self._open(viewer, start)
            onset = max(onset, start)
            self._ahead += voice.end - start
            self._push(voice.since(start))
            self._taken = voice.end
        self._tell("speaking", self._place(onset))

    def _open(self, viewer: str, start: int) -> None:
        """Hear this viewer from now on, from sample ``start``."""
        self._audible, self._taken = viewer, start

    def _place(self, sample: int) -> int:
        """A sample of the audible viewer on the stream's timeline."""
        return self._position + sample - self._taken

    def _tell(self, state: ActivityState, at: int) -> None:
        if self._ear is not None:
            self._ear.tell(state, at)
        self._on_activity(UserActivity(state, max(0, round(at * 1000 / SAMPLE_RATE))))

    # -- the stream

    def _pass_on(self, voice: ViewerVoice, now: float) -> None:
        pcm = voice.since(self._taken)
        self._taken = voice.end
        if self._ahead and voice.quiet:
            if self._position - self._due(now) > LEVEL:
                self._ahead = max(0, self._ahead - len(pcm))
                return
            self._ahead = 0
        self._push(pcm)

    def _push_silence(self, now: float) -> None:
        """What is missing while no viewer was there."""
        missing = self._due(now) - LAG - self._position
        if missing > 0 and self._audible is None:
            self._ahead = 0
            if self._ear is None:
                self._position += missing
            else:
                self._push(np.zeros(missing, np.float32))

    def _push(self, pcm: Pcm) -> None:
        self._position += len(pcm)
        if self._ear is not None:
            self._ear.push(pcm)

    def _due(self, now: float) -> int:
        """Where the stream is to be."""
        return 0 if self._began is None else round((now - self._began) * SAMPLE_RATE)

    async def _fill(self) -> None:
        while True:
            if self._ear is None or self._began is None or self._audible is not None:
                self._changed.clear()
                await self._changed.wait()
            else:
                self._push_silence(self._clock())
                await asyncio.sleep(FILL_S)
