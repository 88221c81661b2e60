"""A render as the queue knows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from livehead.core.identity import Identity

RenderState: TypeAlias = Literal["queued", "running", "done", "failed", "cancelled"]

OPEN_STATES = ("queued", "running")
"""The others are ends."""


@dataclass(frozen=True, slots=True)
class RenderRecord:
    """``number`` rises in the order in which they came. ``owner`` and ``token`` are the key and the token
    that it was asked for with. ``avatar`` is None where a portrait came with it; ``background`` is that of its look.
    ``seconds`` is the length of its audio. ``starts`` counts how often it was begun. ``error`` says why it failed.
    ``created``, ``begun`` (the last time) and ``ended`` are Unix time. ``consent`` is that of whoever sent a portrait
    with it, as :class:`~livehead.store.portraits.record.Consent` in JSON.

    ``server`` is the one that makes it, as long as that counts ``beats``, or that has made it; ``progress`` is how far
    it was at the last beat, 0 … 1."""

    id: str
    owner: str
    token: str | None
    avatar: str | None
    seed: int
    latency: str
    background: str
    seconds: float
    created: float
    state: RenderState = "queued"
    starts: int = 0
    error: str | None = None
    ended: float | None = None
    number: int = 0
    server: str | None = None
    begun: float | None = None
    beats: int = 0
    progress: float = 0.0
    consent: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether it waits or runs."""
        return self.state in OPEN_STATES

    def belongs_to(self, identity: Identity) -> bool:
        """A key has all of its owner's, a token those that were asked for with it."""
        return self.owner == identity.owner and (identity.is_key or self.token == identity.token)
