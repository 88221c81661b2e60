"""What the pipeline knows of a session's source of audio: spans of samples, and where they lie in time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from livehead.core.block import Pcm

IDLE_BLOCK = (1 << 15) - (1 << 30)
"""The first block of a session: over a year of idling before block 0. Its 16 bits in the test pattern start half a
turn before those of block 0, so whoever unwraps them sees k rise and takes no idle frame for a first one."""


@dataclass(frozen=True, slots=True, eq=False)
class Span:
    """Samples ``[start, start + len(pcm))`` of the session's timeline, float32.

    ``discontinuity``: the timeline goes on at ``start``, wherever it was. ``restart``: so it does, and the blocks
    before it that are not shown by the time the new ones are due are given up; the engine goes on from the last
    frame that was shown.
    """

    start: int
    pcm: Pcm
    discontinuity: bool = False
    restart: bool = False


class Source(Protocol):
    """Audio from a microphone or from a backend. Pure: times are monotonic seconds, passed in."""

    @property
    def due(self) -> float | None:
        """When to call :meth:`poll` next, None for about every 40 ms."""

    @property
    def come(self) -> int | None:
        """The block before which all have come by the clock: what is handed over beyond is ahead of its time. None
        where nothing ever is."""

    @property
    def speaking(self) -> bool:
        """Whether the newest blocks are speech, or may be: pauses between words count."""

    @property
    def speech_from(self) -> int | None:
        """The block since which there is speech; None while what comes is known to be silence, or noise."""

    def is_speech(self, k: int) -> bool:
        """Whether block ``k``, which has come lately, is speech as far as is known now. Of others the engine gets
        silence."""

    @property
    def restarts(self) -> bool:
        """Whether :meth:`set_preset` would restart the timeline now. Then windows of another shape leave no hole,
        whatever the delay is."""

    def poll(self, now: float, whole: int) -> Span | None:
        """What is due without anything new having come: silence, or queued speech. ``whole`` is the block before
        which the next window becomes whole."""

    def set_preset(self, hop: int, lookahead: int, now: float) -> Span | None:
        """Windows have another shape from now on. Returns what the timeline goes on with, None for nothing new."""

    def interrupt(self, now: float, *, by_speaker: bool) -> bool:
        """Drop what waits. Returns whether there was anything that can be heard or seen; the source then hands over
        nothing until :meth:`restart`. ``by_speaker``: whoever pushes the speech asked for it."""

    def restart(self, now: float) -> Span:
        """The silence that takes the place of what an interrupt dropped."""

    def block_sent(self, k: int, frame: int | None, now: float) -> None:
        """Block ``k`` was sent, with the frame of block ``frame``, None where there was none yet."""

    def has_spoken(self) -> bool:
        """Whether there was speech since this was last asked."""
