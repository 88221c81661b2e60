"""A session's silence: made ahead, a long window at a time, and taken back when speech begins."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from livehead.core.block import BLOCK_S, BLOCK_SAMPLES
from livehead.core.windows import Window, Windows
from livehead.sessions.ahead import MOST
from livehead.sessions.pacer import Pacer
from livehead.sessions.portrait.engine_attachment import EngineAttachment
from livehead.sessions.sources.base import Source
from livehead.sessions.window_phase import WindowPhase

OTHERS_S = 0.08
"""What other sessions may take first."""

SPARE_S = 0.01
"""What a frame is taken to need beyond what a step takes, if it is to replace one that is there already."""


class Silence:
    """One session's. A step costs about the same for any number of frames: so while the source is silent, its windows
    have ``hop`` blocks, whatever the preset, and are asked for before those have come. The next one is asked for when
    the frames of no more than :data:`~livehead.sessions.ahead.MOST` blocks are left to be shown, or of as many as a
    step takes.

    When speech begins, the frames of all blocks that can still be replaced in time are given up, back to where the
    speech began at most. The engine goes on from the last frame that will be shown before them, as after an interrupt,
    and gets the blocks since then at once. ``hop`` is 0 where no windows are made so; then the windows of the preset
    are, with silence in the place of noise.
    """

    def __init__(
        self,
        hop: int,
        source: Source,
        windows: Windows,
        pacer: Pacer,
        submit: Callable[[EngineAttachment, Sequence[Window]], None],
        phase: WindowPhase,
    ) -> None:
        """``submit`` hands windows with speech to the engine."""
        self._hop = hop
        self._source = source
        self._windows = windows
        self._pacer = pacer
        self._submit = submit
        self._phase = phase
        self._made = 0  # blocks asked for ahead of time since this silence began
        windows.paused = hop > windows.hop  # it begins with silence

    @property
    def made_ahead(self) -> bool:
        """Whether frames wait for blocks that have not come, and no more are under way."""
        return self._windows.paused and bool(self._pacer.ahead.frames) and not self._pacer.ahead.waiting

    def follow(self, attachment: EngineAttachment, now: float, *, may_rewind: bool, block_came: bool) -> bool:
        """Begin it, go on with it or end it, by what the source says. To be called whenever samples came, and about
        every 40 ms; ``block_came`` says that a block became whole just now. Returns whether the engine's stream was
        taken back, which waits until it ``may_rewind``."""
        windows, rewound = self._windows, False
        speech_from = self._source.speech_from
        if windows.paused and self._hop <= windows.hop:
            self._resume(attachment)
        elif windows.paused and speech_from is not None:
            # Of a block that came just now the frame is as early as any; of an older one it may be too late.
            newest = max(speech_from, windows.next_block - block_came)
            rewound = self._end(attachment, speech_from, newest, now, may_rewind=may_rewind)
        elif not windows.paused and speech_from is None and self._hop > windows.hop and windows.quiet:
            windows.paused = True
            self._made = 0
            self._phase.free()
            self._pacer.ahead.take_lost()
        if windows.paused and speech_from is None:
            self._make_ahead(attachment, now)
        return rewound

    def give_up(self, attachment: EngineAttachment, now: float) -> None:
        """Another stream is to show this session from now on."""
        if not self._windows.paused:
            return
        k = self._soonest(self._windows.oldest, now)
        if k < self._windows.first:
            before = self._pacer.last_frame(k)
            if self._pacer.ahead.waiting and before is not None:
                attachment.rewind(before)
            self._pacer.take_back(k)
            self._windows.move_to(k)

    def _end(
        self, attachment: EngineAttachment, speech_from: int, newest: int, now: float, *, may_rewind: bool
    ) -> bool:
        """Speech begins with a block from ``speech_from`` on, with ``newest`` at the latest."""
        windows, pacer = self._windows, self._pacer
        begin = min(self._soonest(max(speech_from, windows.oldest), now), newest)
        if windows.first <= begin:
            self._resume(attachment)
            return False
        if not may_rewind:
            return False
        before = pacer.last_frame(begin)
        if before is None or before + 1 < begin:
            # A rewind would lose frames that are still under way, and are to be shown before the speech.
            if attachment.waiting and (before is None or pacer.playout.deadline(before + 1) > now):
                return False
            if before is not None:
                begin = min(begin, max(before, pacer.playout.sent_k or before) + 1)
        made = windows.first
        windows.move_to(begin)
        begin = self._phase.begin(self._begins(windows.first, now)) if self._source.come is None else windows.first
        pacer.ahead.silence_rewound += max(0, min(made - begin, self._made))
        self._made = 0
        pacer.take_back(begin)
        attachment.rewind(begin - 1 if before is None else min(before, begin - 1))
        self._submit(attachment, windows.resume())
        return True

    def _begins(self, begin: int, now: float) -> list[int]:
        """The blocks that windows may begin with in place of ``begin``: so much silence is made again. All of its
        frames are there, and can be replaced in time even if others come first."""
        pacer, begins = self._pacer, [begin]
        soonest = max(self._soonest(self._windows.oldest, now + OTHERS_S), (pacer.playout.sent_k or begin) + 1)
        for earlier in range(begin - 1, max(begin - self._windows.hop, soonest - 1), -1):
            if pacer.last_frame(earlier + 1) != earlier or pacer.last_frame(earlier) != earlier - 1:
                break
            begins.append(earlier)
        return begins

    def _resume(self, attachment: EngineAttachment) -> None:
        """Go on with windows of speech where those of silence end."""
        if self._source.come is None:
            self._phase.begin()
        self._submit(attachment, self._windows.resume())

    def _make_ahead(self, attachment: EngineAttachment, now: float) -> None:
        windows, ahead, playout = self._windows, self._pacer.ahead, self._pacer.playout
        lost = ahead.take_lost()
        if lost is not None and not ahead.waiting:
            windows.move_to(min(lost, windows.first))
        if playout.deadline(windows.first) < now:
            windows.move_to(max(windows.first, min(self._soonest(windows.first, now), windows.next_block)))
        due = playout.deadline(windows.first)
        if not now <= due <= now + self._lead_s or windows.first > windows.next_block + self._lead_s / BLOCK_S:
            return  # there are enough, or no blocks come any more
        window = Window(windows.first, self._hop, 0, np.zeros(self._hop * BLOCK_SAMPLES, np.float32))
        if attachment.submit(window, due):
            ahead.submitted(window.k)
            ahead.silence_made += self._hop
            self._made += self._hop
            windows.move_to(window.k + self._hop)

    def _soonest(self, k: int, now: float) -> int:
        """The first block, from ``k`` on, whose frame can still be made in time."""
        late_s = now + self._step_s - self._pacer.playout.deadline(k)
        return k + max(0, math.ceil(late_s / BLOCK_S - 1e-6)) if math.isfinite(late_s) else k

    @property
    def _lead_s(self) -> float:
        return max(MOST * BLOCK_S, self._step_s + 2 * BLOCK_S)

    @property
    def _step_s(self) -> float:
        return self._pacer.trace.latency.generate_ms.p95 / 1000 + SPARE_S
