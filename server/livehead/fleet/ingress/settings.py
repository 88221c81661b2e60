"""Settings of the ingress."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IngressSettings:
    """``key`` is an API key or a token that the replicas' /v1/info is read with, where they have keys; the ingress
    checks nobody's, the replicas do. ``trusted_proxies`` are addresses or networks whose X-Forwarded-For and -Proto are
    believed, as the setting of a server has it; the replicas must trust the ingress in the same way.

    ``watch_seconds`` is how often every replica is read, and one that has not answered ``missed`` readings in a row
    gets no sessions until it answers. ``latency`` is the default latency of the replicas, for offers that choose none.
    ``connect_seconds`` is how long a replica may take to accept a connection, ``answer_seconds`` how long to begin its
    answer.
    """

    key: str | None = None
    trusted_proxies: tuple[str, ...] = ()
    watch_seconds: float = 1.0
    missed: int = 3
    latency: str | None = None
    connect_seconds: float = 2.0
    answer_seconds: float = 60.0
