"""The client's microphone, and silence before its first sample.

Before the first audio the portrait idles on blocks with negative k; the client's first sample is sample 0. A
generator needs ``hop + lookahead`` blocks before it can show the first one. While idling they are silence, and
silence is known in advance: that many are handed over at once when the session begins, and one more every 40 ms. So
the first frame is there after one step, and there are idle frames to show until block 0, which has to wait for its
own hop, is due.

From the first packet on the jitter buffer fills every gap, pauses of the sender included, so that a session's
silence has one home at a time.

What of the sound is speech is decided by a gate (:mod:`livehead.core.voice.speech_gate`) from what voice activity
detection says of it; before the model is loaded, all of it is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import numpy as np

from livehead.core.block import BLOCK_S, BLOCK_SAMPLES, Pcm
from livehead.core.messages.from_server import AvatarActivity
from livehead.core.speech.activity import SpeechActivity
from livehead.core.voice.speech_gate import JudgedWindow, SpeechGate
from livehead.sessions.sources.base import IDLE_BLOCK, Span

SPEECH_LEVEL = 10 ** (-50 / 20)
"""Root mean square of samples in [-1, 1] above which they count as speech: -50 dBFS. A microphone in a quiet room is
below."""


LOUD = 1000
"""Blocks of speech that may wait to be sent: more than any delay is long. Each may be named by several packets."""

PAUSE = 10
"""Blocks of silence between words."""


class MicSource:
    """A :class:`~livehead.sessions.sources.base.Source` fed by :meth:`hear`. ``on_activity`` is told when the portrait
    begins and ceases to speak: while there is speech that is loud enough to be heard."""

    def __init__(self, hop: int, lookahead: int) -> None:
        self.on_activity: Callable[[AvatarActivity], None] | None = None
        self._gate = SpeechGate()
        self._activity = SpeechActivity(PAUSE)
        self._loud: deque[int] = deque(maxlen=LOUD)
        self._prebuffer = hop + lookahead
        self._next = IDLE_BLOCK * BLOCK_SAMPLES
        self._base = IDLE_BLOCK
        self._began: float | None = None
        self._passed = 0
        self._offset = 0
        """From the client's own timeline to the session's, in samples."""
        self._heard = False
        self._heard_since_restart = False
        self._halted = False
        """Interrupted, and not yet restarted."""
        self._spoken = False
        """Since somebody last asked."""

    @property
    def due(self) -> float | None:
        """See :class:`Source`."""
        if self._heard or self._began is None:
            return None
        return self._began + (self._passed + 1) * BLOCK_S

    @property
    def come(self) -> None:
        """A microphone is never ahead."""

    @property
    def speaking(self) -> bool:
        """See :class:`Source`."""
        return self.speech_from is not None and (self._gate.judges or bool(self._loud))

    @property
    def speech_from(self) -> int | None:
        """See :class:`Source`."""
        if not self._heard:
            return None
        onset = self._gate.onset(self._next)
        return None if onset is None else max(0, onset) // BLOCK_SAMPLES

    def is_speech(self, k: int) -> bool:
        """See :class:`Source`."""
        return k >= 0 and self._gate.is_speech(k * BLOCK_SAMPLES, (k + 1) * BLOCK_SAMPLES)

    @property
    def restarts(self) -> bool:
        """See :class:`Source`."""
        return not self._heard and self._began is not None

    def hear(self, start: int, pcm: Pcm, judged: Sequence[JudgedWindow] = ()) -> Span | None:
        """The client's samples, and the windows of its sound that were judged meanwhile; ``start`` and theirs are on
        its own timeline, which begins at 0. None while interrupted."""
        for window in judged:
            self._gate.judge(JudgedWindow(window.at + self._offset, window.probability))
        first, self._heard = not self._heard, True
        self._heard_since_restart = True
        place = start + self._offset
        if float(np.dot(pcm, pcm)) > SPEECH_LEVEL**2 * len(pcm):
            self._spoken = self._spoken or self._gate.onset(place + len(pcm)) is not None
            if not self._halted:
                self._loud.extend(range(place // BLOCK_SAMPLES, (place + len(pcm) - 1) // BLOCK_SAMPLES + 1))
        self._next = max(0 if first else self._next, place + len(pcm))
        return None if self._halted else Span(place, pcm, discontinuity=first)

    def poll(self, now: float, whole: int) -> Span | None:
        """The silence that is due, whole blocks; None once the client is heard."""
        if self._heard:
            return None
        if self._began is None:
            self._began = now
        self._passed = int((now - self._began) / BLOCK_S + 1e-6)
        until = (self._base + self._prebuffer + self._passed) * BLOCK_SAMPLES
        return self._silence(until - self._next) if until > self._next else None

    def set_preset(self, hop: int, lookahead: int, now: float) -> Span | None:
        """Before the first audio the timeline goes on with a prebuffer of the new length, so that the portrait does
        not stand still for that long."""
        self._prebuffer = hop + lookahead
        if not self.restarts:
            return None
        self._began, self._passed, self._base = now, 0, self._next // BLOCK_SAMPLES
        return self._silence(self._prebuffer * BLOCK_SAMPLES, restart=True)

    def interrupt(self, now: float, *, by_speaker: bool) -> bool:
        """Nothing happens where nothing was heard since the last one."""
        if not self._heard_since_restart or self._halted:
            return False
        self._halted = True
        return True

    def restart(self, now: float) -> Span:
        """A prebuffer of silence; what is heard from now on follows behind it."""
        heard_until = self._next
        self._next = -(-self._next // BLOCK_SAMPLES) * BLOCK_SAMPLES
        span = self._silence(self._prebuffer * BLOCK_SAMPLES, restart=True)
        self._offset += self._next - heard_until
        self._gate.move(self._next - heard_until)
        self._halted = self._heard_since_restart = False
        self._loud.clear()
        return span

    def block_sent(self, k: int, frame: int | None, now: float) -> None:
        """See :class:`Source`."""
        speech = False
        while self._loud and self._loud[0] <= k:
            speech = self._loud.popleft() == k or speech
        speech = speech and self.is_speech(k)
        message = self._activity.block_sent(k, speech=speech, more=True)
        if message is not None and self.on_activity is not None:
            self.on_activity(message)

    def has_spoken(self) -> bool:
        """See :class:`Source`. Speech counts if it is loud enough."""
        spoken, self._spoken = self._spoken, False
        return spoken

    def _silence(self, samples: int, *, restart: bool = False) -> Span:
        span = Span(self._next, np.zeros(samples, np.float32), restart, restart)
        self._next += samples
        return span
