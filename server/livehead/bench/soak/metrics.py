"""The server's own figures, as /metrics has them, and what two readings say of the time between."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urljoin

from prometheus_client.parser import text_string_to_metric_families

from livehead.bench.http import request
from livehead.errors import LiveheadError

ENGINE = "livehead_engine_"
HELD, DELAY = "livehead_event_loop_held_seconds", "livehead_event_loop_delay_seconds"
REQUESTS = "livehead_http_requests_total"
RIGHT_5XX = ("501", "503")
"""What a server may answer that is well: it has no such thing, it has no room."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """``histograms`` are cumulative counts by upper bound in seconds; ``wrong`` the answers of status 500 and above
    that no server that is well gives. ``memory_mb`` and ``descriptors`` are of the server's process alone."""

    restarts: int = 0
    takeovers: int = 0
    up: bool = False
    standby: str = "off"
    wrong: int = 0
    memory_mb: float = 0.0
    descriptors: int = 0
    histograms: Mapping[str, Mapping[float, float]] = field(default_factory=dict)

    @property
    def lost_workers(self) -> int:
        return self.restarts + self.takeovers

    @property
    def whole(self) -> bool:
        """The engine is there, and the one in reserve, where there is to be one."""
        return self.up and self.standby in ("off", "ready")


def read_metrics(url: str, key: str | None) -> Metrics | None:
    """None where the server does not show them. Raises LiveheadError where it cannot be reached."""
    try:
        text = request(urljoin(url, "/metrics"), key=key).text
    except LiveheadError as error:
        if " answered 40" in str(error):
            return None
        raise
    return parse(text)


def parse(text: str) -> Metrics:
    """Prometheus text."""
    values: dict[str, float] = {}
    histograms: dict[str, dict[float, float]] = {HELD: {}, DELAY: {}}
    wrong, standby = 0.0, "off"
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if family.name in histograms and sample.name.endswith("_bucket"):
                histograms[family.name][float(sample.labels["le"])] = sample.value
            elif sample.name == REQUESTS:
                status = sample.labels["status"]
                wrong += sample.value if status.startswith("5") and status not in RIGHT_5XX else 0
            elif sample.name == f"{ENGINE}standby_state" and sample.value:
                standby = sample.labels["state"]
            elif not sample.labels:
                values[sample.name] = sample.value
    return Metrics(
        restarts=int(values.get(f"{ENGINE}restarts_total", 0)),
        takeovers=int(values.get(f"{ENGINE}takeovers_total", 0)),
        up=values.get(f"{ENGINE}up") == 1,
        standby=standby,
        wrong=int(wrong),
        memory_mb=values.get("process_resident_memory_bytes", 0.0) / 1e6,
        descriptors=int(values.get("process_open_fds", 0)),
        histograms=histograms,
    )


def quantile_ms(before: Metrics, after: Metrics, name: str, share: float) -> float | None:
    """The value in milliseconds that so large a share of what came between was not above, between the bounds of a
    bucket by its place in it, as Prometheus does; None where nothing came."""
    begun = before.histograms.get(name, {})
    counts = {bound: count - begun.get(bound, 0) for bound, count in after.histograms.get(name, {}).items()}
    total = max(counts.values(), default=0)
    if not total:
        return None
    lower, below = 0.0, 0.0
    for bound, count in sorted(counts.items()):
        if count >= share * total:
            inside = (share * total - below) / (count - below) if count > below else 1.0
            return 1000 * (lower if bound == float("inf") else lower + inside * (bound - lower))
        lower, below = bound, count
    return 1000 * lower
