"""What one measuring client received, timed with its own monotonic clock in seconds. Pure data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class DecodedFrame:
    """A decoded frame. ``timestamp`` is its RTP timestamp (90 kHz, unwrapped), ``arrived`` when its last packet
    arrived, ``decoded`` when it was ready to be shown. ``k`` (modulo 65536) and ``loudness`` are None if its
    test pattern could not be read."""

    timestamp: int
    arrived: float
    decoded: float
    k: int | None
    loudness: int | None


@dataclass(frozen=True, slots=True)
class AudioPacket:
    """A packet of audio. ``power`` holds the mean square of each millisecond; ``timestamp`` is in 48 kHz, unwrapped."""

    timestamp: int
    arrived: float
    power: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class SenderReport:
    """RFC 3550 section 6.4.1: at ``wall`` (seconds) the media clock showed ``timestamp`` (unwrapped)."""

    arrived: float
    wall: float
    timestamp: int


@dataclass(frozen=True, slots=True)
class Ping:
    """A ping and its answer: ``sent`` and ``received`` on this clock, ``clock`` on the server's."""

    sent: float
    clock: float
    received: float


@dataclass(slots=True)
class Recording:
    """``began`` is when the microphone played its first sample. ``begins`` and ``ends`` are the measured span;
    ``stats`` are the server's stats messages, each with the time of its arrival; ``error`` says why the call
    failed."""

    began: float = 0.0
    begins: float = 0.0
    ends: float = 0.0
    connect_s: float | None = None
    first_frame_s: float | None = None
    frames: list[DecodedFrame] = field(default_factory=list)
    audio_packets: list[AudioPacket] = field(default_factory=list)
    first_packets: dict[int, float] = field(default_factory=dict)
    """When the first packet of each frame arrived, by timestamp."""
    frame_reports: list[SenderReport] = field(default_factory=list)
    audio_reports: list[SenderReport] = field(default_factory=list)
    stats: list[tuple[float, Mapping[str, Any]]] = field(default_factory=list)
    pings: list[Ping] = field(default_factory=list)
    codec: str = ""
    cpu_s: float = 0.0
    error: str | None = None
