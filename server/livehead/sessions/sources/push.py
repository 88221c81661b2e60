"""Speech that a backend pushes, and silence while there is none.

A generator needs ``hop + lookahead`` blocks of audio before it can show the first one. Speech comes faster than it
is spoken, so that many are handed over at once when an utterance begins: the timeline restarts at a block whose
prebuffer is already there, and from then on one block follows every 40 ms. What waits is handed to the engine a little
ahead of that, so that an engine that is late now and then is not seen to be. Silence is known in advance too, and is
handed over the same way, but not ahead.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from enum import Enum

import numpy as np

from livehead.core.block import BLOCK_S, BLOCK_SAMPLES, Pcm
from livehead.core.messages.from_server import AvatarActivity, Playback
from livehead.core.speech.activity import BRIEF, SpeechActivity
from livehead.core.speech.playback_log import PlaybackLog
from livehead.core.speech.queue import SpeechQueue
from livehead.sessions.ahead import MOST
from livehead.sessions.sources.base import IDLE_BLOCK, Span

SPARE = 2
"""Blocks beyond the prebuffer that an utterance begins with, for backends that are no faster than real time."""

SILENCE: Pcm = np.zeros(BLOCK_SAMPLES, np.float32)


class Phase(Enum):
    """What the source hands over."""

    UNSTARTED = "unstarted"
    """Nothing yet."""
    IDLE = "idle"
    """Silence. The next speech restarts the timeline."""
    SPEAKING = "speaking"
    """The last block was speech."""
    PAUSED = "paused"
    """Up to :data:`~livehead.core.speech.activity.BRIEF` blocks of silence behind speech; more speech follows without
    a restart. After a longer one the timeline restarts."""
    HALTED = "halted"
    """Nothing: interrupted, and not yet restarted."""


class PushSource:
    """A :class:`~livehead.sessions.sources.base.Source` fed by :meth:`push`.

    ``on_playback`` is told what becomes of the utterances, and ``on_room`` that there may be room for more; both
    belong to the one who speaks, and are None while nobody does. ``on_activity`` is told when the portrait begins and
    ceases to speak.
    """

    def __init__(self, hop: int, lookahead: int) -> None:
        self.on_playback: Callable[[Playback], None] | None = None
        self.on_room: Callable[[], None] | None = None
        self.on_activity: Callable[[AvatarActivity], None] | None = None
        self._queue = SpeechQueue()
        self._log = PlaybackLog(IDLE_BLOCK)
        self._activity = SpeechActivity()
        self._prebuffer = hop + lookahead
        self._phase = Phase.UNSTARTED
        self._silent = 0
        self._heard_from = math.inf  # before this time the client would not hear what is said
        self._next = IDLE_BLOCK
        self._spoken = False  # since somebody last asked
        # Since the timeline last restarted:
        self._base = IDLE_BLOCK
        self._began = -math.inf
        self._passed = 0

    @property
    def phase(self) -> Phase:
        return self._phase

    @property
    def room(self) -> int:
        """Samples that can be pushed now."""
        return self._queue.room

    @property
    def seconds(self) -> float:
        """How long it takes to speak what waits."""
        return self._queue.seconds

    @property
    def due(self) -> float:
        """See :class:`Source`."""
        return self._began + (self._passed + 1) * BLOCK_S

    @property
    def come(self) -> int:
        """See :class:`Source`."""
        return self._base + self._prebuffer + self._passed

    @property
    def speaking(self) -> bool:
        """See :class:`Source`."""
        return self._phase in (Phase.SPEAKING, Phase.PAUSED)

    @property
    def speech_from(self) -> int | None:
        """See :class:`Source`. An utterance restarts the timeline where it begins."""
        return self._base if self.speaking else None

    def is_speech(self, k: int) -> bool:
        """See :class:`Source`. Between utterances there is nothing but silence anyway."""
        return True

    @property
    def restarts(self) -> bool:
        """See :class:`Source`."""
        return self._phase is Phase.IDLE and self._log.unsent is None

    def push(self, pcm: Pcm, now: float) -> None:
        """More samples of the present utterance, or its first, even if there are none yet. Raises ``ValueError`` past
        :attr:`room`."""
        self._spoken = True
        begun = self._queue.push(pcm, now)
        if begun is not None:
            self._log.begin(begun)

    def end(self) -> None:
        """The utterance is complete."""
        self._queue.end()

    def leave(self) -> None:
        """Whoever pushed has gone. What waits is still spoken, and nobody is told."""
        self.on_playback = self.on_room = None
        self._queue.leave()
        self._log.leave()

    def close(self, now: float) -> None:
        """The session is over: every utterance gets its end, with what is known."""
        self._queue.clear(refuse_rest=False)
        self._tell(self._log.close(now))

    def begin_at(self, at: float) -> None:
        """The client can hear what is said from this time on."""
        self._heard_from = at

    def poll(self, now: float, whole: int) -> Span | None:
        """See :class:`Source`."""
        span = self._poll(now, whole)
        if self.on_room is not None:
            self.on_room()
        self._tell(self._log.news(now))
        return span

    def set_preset(self, hop: int, lookahead: int, now: float) -> Span | None:
        """While nothing is spoken the timeline restarts with a prebuffer of the new length; otherwise that is taken
        with the next restart."""
        before, self._prebuffer = self._prebuffer, hop + lookahead
        if self.restarts:
            return self._restart(self._next, now, with_speech=False)
        self._base += before - self._prebuffer
        return None

    def interrupt(self, now: float, *, by_speaker: bool) -> bool:
        """Whoever pushes is told ``interrupted`` for each utterance that was dropped, and once where it asked for it
        and there was none. The rest of an utterance that somebody else interrupted is dropped as it comes."""
        self._queue.clear(refuse_rest=not by_speaker)
        there = self._log.interrupt(now, answer=by_speaker)
        if there:
            self._phase = Phase.HALTED
        if self.on_room is not None:
            self.on_room()
        self._tell(self._log.news(now))
        self._tell_activity(self._activity.cease())
        return there

    def restart(self, now: float) -> Span:
        """See :class:`Source`."""
        return self._restart(self._next, now, with_speech=False)

    def block_sent(self, k: int, frame: int | None, now: float) -> None:
        """See :class:`Source`."""
        self._log.block_sent(k, frame, now)
        more = not self._queue.empty or self._log.unsent is not None
        activity = self._activity.block_sent(k, speech=self._log.speaks(k), more=more)
        self._tell(self._log.news(now))
        self._tell_activity(activity)

    def frame_shown(self, k: int, now: float) -> None:
        """A viewer reports that its screen shows the frame of block ``k``."""
        self._log.frame_shown(k, now)
        self._tell(self._log.news(now))

    def screen_lost(self, now: float) -> None:
        """The viewer that reported has left."""
        self._log.screen_lost()
        self._tell(self._log.news(now))

    def has_spoken(self) -> bool:
        """See :class:`Source`. What is pushed counts, and what is spoken."""
        spoken, self._spoken = self._spoken, self._phase is Phase.SPEAKING
        return spoken

    def _poll(self, now: float, whole: int) -> Span | None:
        if self._phase is Phase.HALTED:
            return None
        if self._phase is Phase.UNSTARTED:
            return self._restart(self._next, now, with_speech=False)
        if self._phase is Phase.IDLE and self._may_speak(now):
            return self._restart(max(0, self._next), now, with_speech=True)
        self._passed = math.floor((now - self._began) / BLOCK_S + 1e-6)
        due = self.come
        start, blocks = self._next, list[Pcm]()
        while self._next < due:
            block = None if self._phase is Phase.IDLE else self._queue.take(self._next)
            if block is None and self._phase is Phase.SPEAKING and self._queue.unfinished and whole > due:
                break  # the rest of the utterance may still come in time
            self._append(blocks, block)
        while self._phase is not Phase.IDLE and self._next < due + MOST:
            block = self._queue.take(self._next)
            if block is None:
                break
            self._append(blocks, block)
        return Span(start * BLOCK_SAMPLES, np.concatenate(blocks)) if blocks else None

    def _may_speak(self, now: float) -> bool:
        if now < self._heard_from:
            return False
        if self._log.unsent is not None:
            return False  # the end of what was said before is still to be heard
        return self._queue.ready(self._prebuffer + SPARE, now)

    def _restart(self, block: int, now: float, *, with_speech: bool) -> Span:
        self._began, self._passed, self._base, self._next = now, 0, block, block
        self._phase, self._silent = Phase.PAUSED if with_speech else Phase.IDLE, 0
        blocks: list[Pcm] = []
        while len(blocks) < self._prebuffer:
            self._append(blocks, self._queue.take(self._next) if with_speech else None)
        return Span(block * BLOCK_SAMPLES, np.concatenate(blocks), discontinuity=True, restart=True)

    def _append(self, blocks: list[Pcm], block: Pcm | None) -> None:
        blocks.append(SILENCE if block is None else block)
        self._next += 1
        if block is not None:
            self._phase, self._silent = Phase.SPEAKING, 0
            self._spoken = True
        elif self._phase is not Phase.IDLE:
            self._silent += 1
            self._phase = Phase.PAUSED if self._silent <= BRIEF else Phase.IDLE

    def _tell(self, messages: Iterable[Playback]) -> None:
        for message in messages:
            if self.on_playback is not None:
                self.on_playback(message)

    def _tell_activity(self, message: AvatarActivity | None) -> None:
        if message is not None and self.on_activity is not None:
            self.on_activity(message)
