"""What Prometheus is told of connections and requests, and of what is given away."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class RequestSeries:
    """``connections`` are those of TCP."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, registry=registry)

        self.connections = Gauge("livehead_connections", "TCP connections open now.", registry=registry)
        self.connections_refused = counter(
            "livehead_connections_refused", "TCP connections that the server ended or refused, by reason.", "reason"
        )
        self.http = counter("livehead_http_requests", "HTTP answers, by method and status.", "method", "status")
        self.denied = counter(
            "livehead_requests_denied", "Requests refused with 401, 403 or 429, by problem.", "problem"
        )
        self.tokens = counter("livehead_tokens_issued", "Access tokens made for clients.")
        self.turn_credentials = counter(
            "livehead_turn_credentials_issued", "Credentials of TURN servers given to clients."
        )
