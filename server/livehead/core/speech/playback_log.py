"""What becomes of every utterance: how much of it was sent, and how much of it a screen has shown."""

from __future__ import annotations

import math
from collections import deque
from typing import Literal

from livehead.core.messages.from_server import Playback
from livehead.core.speech.utterance import Utterance

SHOWN_WAIT_S = 0.6
"""How long the end of an utterance waits for a viewer to report that its last frame was shown."""

REPORTS_S = 3.0
"""A viewer that reported no frame for so long does not report."""


class _Entry:
    """One utterance until its end is told. ``utterance`` is None for an interrupt that dropped nothing."""

    def __init__(self, utterance: Utterance | None, *, told: bool = True) -> None:
        self.utterance = utterance
        self.told = told
        self.started: int | None = None  # the block
        self.start_told = False
        self.shown_ms: int | None = None
        # Once it is over:
        self.state: Literal["finished", "interrupted"] | None = None
        self.k = 0
        self.frame: int | None = None  # the block of the last frame of it, None for no limit
        self.wanted: int | None = None  # a report of this block or a later one completes what is known
        self.deadline = 0.0


class PlaybackLog:
    """The utterances of one session that have no end yet, oldest first.

    What is told of one comes after the end of the one before it, so whoever counts the utterances that it pushed knows
    which one a message is about. Every utterance gets at most one ``started``, and exactly one end: ``finished`` when
    its last block was sent, ``interrupted`` when it was dropped. Where a viewer reports what its screen shows, the end
    waits until it has shown the last of what was sent, :data:`SHOWN_WAIT_S` at most.

    Pure: times are monotonic seconds, passed in. Blocks are those of the timeline; ``start`` is named by what is told
    before any was sent.
    """

    def __init__(self, start: int) -> None:
        self.sent: int | None = None
        """The last block that was sent."""
        self._start = start
        self._frame: int | None = None  # the block of the last frame that was sent
        self._shown: int | None = None
        self._reported_at = -math.inf
        self._open: deque[_Entry] = deque()

    @property
    def open(self) -> int:
        """Utterances whose end is not told."""
        return len(self._open)

    @property
    def unsent(self) -> int | None:
        """The last block that speech was put in, None once that was sent."""
        for entry in reversed(self._open):
            last = None if entry.utterance is None or entry.state else entry.utterance.last
            if last is not None:
                return last if self.sent is None or self.sent < last else None
        return None

    def begin(self, utterance: Utterance) -> None:
        """Its first samples came."""
        self._open.append(_Entry(utterance))

    def leave(self) -> None:
        """Whoever pushed what came so far is told nothing more."""
        self._open = deque(entry for entry in self._open if entry.utterance is not None)
        for entry in self._open:
            entry.told = False

    def block_sent(self, k: int, frame: int | None, now: float) -> None:
        """Block ``k`` was sent, with the frame of block ``frame``, None where there was none yet."""
        self.sent = k
        self._frame = frame
        self._follow(now)

    def frame_shown(self, k: int, now: float) -> None:
        """A viewer reports that its screen shows the frame of block ``k``."""
        self._reported_at = now
        if self._shown is None or k > self._shown:
            self._shown = k
        for entry in self._open:
            utterance, until = entry.utterance, self._shown
            if utterance is None or utterance.first is None or utterance.first > until:
                continue
            if entry.frame is not None:
                until = min(until, entry.frame)
            entry.shown_ms = max(entry.shown_ms or 0, utterance.until(until))

    def screen_lost(self) -> None:
        """The viewer that reported has left."""
        self._reported_at = -math.inf

    def speaks(self, k: int) -> bool:
        """Whether block ``k`` holds speech of an utterance whose end is not told."""
        return any(entry.utterance is not None and entry.utterance.covers(k) for entry in self._open)

    def interrupt(self, now: float, *, answer: bool) -> bool:
        """All that was not sent is dropped. Says whether there was anything. With ``answer`` whoever pushes is told one
        ``interrupted`` even where nothing of its own was dropped."""
        self._follow(now)
        there = told = False
        k = self._start if self.sent is None else self.sent
        for entry in self._open:
            if entry.utterance is None or entry.state is not None:
                continue
            there, told = True, told or entry.told
            entry.utterance.cut(self.sent)
            self._end(entry, "interrupted", k, now)
        if answer and not told:
            entry = _Entry(None)
            entry.state, entry.k = "interrupted", k
            self._open.append(entry)
        return there

    def news(self, now: float) -> list[Playback]:
        """What there is to tell. Everything is told once."""
        self._follow(now)
        reported = now - self._reported_at <= REPORTS_S
        news: list[Playback] = []
        while self._open:
            entry = self._open[0]
            if entry.started is not None and not entry.start_told:
                entry.start_told = True
                news += self._told(entry, "started", entry.started, reported=reported)
            if entry.state is None or (reported and not self._complete(entry, now)):
                break
            news += self._told(entry, entry.state, entry.k, reported=reported)
            self._open.popleft()
        return news

    def close(self, now: float) -> list[Playback]:
        """Nothing more is sent or shown: the end of every utterance, with what is known."""
        self.interrupt(now, answer=False)
        for entry in self._open:
            entry.deadline = now
        return self.news(now)

    def _follow(self, now: float) -> None:
        """See which utterances have begun to be sent, and which are over."""
        if self.sent is None:
            return
        for entry in self._open:
            utterance = entry.utterance
            if utterance is None or entry.state is not None:
                continue
            first, last = utterance.first, utterance.last
            if first is None or last is None or first > self.sent:
                return
            if entry.started is None:
                entry.started = min(self.sent, last)
            if not utterance.ended or utterance.blocks or self.sent < last:
                return
            self._end(entry, "finished", last, now)

    def _end(self, entry: _Entry, state: Literal["finished", "interrupted"], k: int, now: float) -> None:
        """Nothing more of it will be sent; its last frame may be older than its last block."""
        assert entry.utterance is not None
        entry.state, entry.k, entry.deadline = state, k, now + SHOWN_WAIT_S
        first, last = entry.utterance.first, entry.utterance.last
        if first is None or last is None:
            entry.shown_ms = None  # none of it was sent, so none of it can be shown
        elif self._frame is None or self._frame < first:
            entry.frame = first - 1
        else:
            entry.frame = self._frame
            entry.wanted = min(last, self._frame)

    def _complete(self, entry: _Entry, now: float) -> bool:
        """Whether nothing more is to be learnt of it."""
        if entry.wanted is None or now >= entry.deadline:
            return True
        return self._shown is not None and self._shown >= entry.wanted

    def _told(
        self, entry: _Entry, state: Literal["started", "finished", "interrupted"], k: int, *, reported: bool
    ) -> list[Playback]:
        if not entry.told:
            return []
        if entry.utterance is None:
            return [Playback(state, k)]
        spoken = (
            0 if self.sent is None else entry.utterance.until(min(self.sent, k) if state == "started" else self.sent)
        )
        shown = entry.shown_ms
        if shown is None and reported:
            shown = 0
        return [Playback(state, k, spoken, shown, entry.utterance.number)]
