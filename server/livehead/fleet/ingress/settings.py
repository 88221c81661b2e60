"""Settings of the ingress."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IngressSettings:
    """``key`` is an API key or a token that the replicas' /v1/info is read with, where they have keys; the ingress
    checks nobody's, the replicas do. ``trusted_proxies`` are addresses or networks whose X-Forwarded-For and -Proto are
    believed, and ``cors_origins`` are origins of pages that may read what the ingress says itself, both as the settings
    of a server have them; the replicas must trust the ingress as their proxy.

    ``watch_seconds`` is how often every replica is read, and one that has not answered ``missed`` readings in a row
    gets no sessions until it answers. ``connect_seconds`` is how long a replica may take to accept a connection,
    ``answer_seconds`` how long to begin its answer, and then to go on with it.
    """

    key: str | None = None
    trusted_proxies: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()
    watch_seconds: float = 1.0
    missed: int = 3
    connect_seconds: float = 2.0
    answer_seconds: float = 120.0
