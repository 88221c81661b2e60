"""What a fuzzing engine drives: a decoder, inputs to begin with, and a way to change them that keeps their form."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

Mutator = Callable[[bytes, random.Random], bytes]


@dataclass(frozen=True, slots=True)
class Target:
    """``run`` takes any bytes, and raises for a fault only: what the decoder is documented to raise is caught.

    ``limit`` is the largest input in bytes that reaches the decoder. ``cost`` bounds what one input may take, in Python
    lines executed: so many for any input, and so many more for each byte of it.
    """

    name: str
    run: Callable[[bytes], None]
    seeds: tuple[bytes, ...]
    mutate: Mutator
    limit: int
    cost: tuple[int, float]
    steps: int = 1

    def variant(self, data: bytes, chance: random.Random, most: int | None = None) -> bytes:
        """A changed input, no longer than ``most`` or the limit."""
        return self.mutate(data, chance)[: min(self.limit, most or self.limit)]


NAMES = (
    "signal_message",
    "speech_message",
    "channel_message",
    "sdp_offer",
    "sdp_answer",
    "ice_candidate",
    "peer_address",
    "sdp_fragment",
    "pattern",
    "speech_framing",
    "jitter_buffer",
    "rtp_ingest",
    "rtcp",
    "sctp",
    "environment",
    "key_file",
    "token",
    "json_object",
    "audit_line",
    "log_record",
    "host_header",
    "http_request",
    "connection_bytes",
    "datagram_gate",
    "replay_file",
)
"""Every target, a module of this name in ``fuzz.targets`` each."""


def load(name: str) -> Target:
    """Import a target; by itself, so that an engine can prepare the modules it imports."""
    found: Target = import_module(f"fuzz.targets.{name}").TARGET
    return found
