"""When a connection reached which step, in monotonic seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class SetupTimes:
    """``offered``: the offer came; ``answered``: it was answered; ``heard``: the client's first connectivity check
    came; ``ice``: ICE is done; ``connected``: DTLS is, too; ``frame``: the first frame went to the socket. None for
    what has not happened.
    ``candidate`` is the type of the client's candidate that is used: ``host``, ``srflx``, ``prflx`` or ``relay``
    (RFC 8445 section 5.1.1)."""

    offered: float | None = None
    answered: float | None = None
    heard: float | None = None
    ice: float | None = None
    connected: float | None = None
    frame: float | None = None
    candidate: str | None = None
