"""Every series of a server, as the tables of docs/operations/metrics.md; ``python tests/series/catalogue.py`` writes
them into the page."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs/operations/metrics.md"
BEGIN, END = "<!-- tables: begin -->\n", "<!-- tables: end -->\n"

if __name__ == "__main__":
    sys.path.insert(0, str(TESTS))

from livehead.engine.base import EngineSpec  # noqa: E402
from livehead.engine.host.host import EngineHost  # noqa: E402
from livehead.metrics import Metrics  # noqa: E402

PARTS = (
    (
        "Sessions and load",
        ("build_info", "sessions", "session_", "viewers", "load", "capacity_", "latency_", "recordings"),
    ),
    ("Speech", ("speech_", "silence_", "says", "say_", "audio_")),
    ("Delay and frames", ("delay_", "blocks_", "frames_", "encode_", "keyframe_")),
    ("Engine and windows", ("engine_", "windows_", "window_", "step_", "generate_")),
    ("Network", ("media_", "peer_", "packets_")),
    ("Requests and access", ("http_", "requests_", "connections", "tokens_", "turn_", "tls_")),
    ("Server and storage", ("event_loop_", "storage_", "renders", "process_")),
)
"""Headings, and how the names of the series below them begin."""


@dataclass(frozen=True)
class Series:
    """A family as Prometheus knows it: ``name`` is what its samples have in common."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str


def metrics() -> Metrics:
    """As a server has them, with all that is ever added."""
    found = Metrics()
    found.watch_engine(EngineHost(EngineSpec("fakes:create")))
    found.watch_certificate(0.0)
    return found


def all_series() -> list[Series]:
    """In the order of the page."""
    found = [each for collector in set(metrics()._registry._collector_to_names) for each in _series_of(collector)]
    found.sort(key=lambda each: each.name)
    return [each for _, names in PARTS for each in found if _belongs(each, names)]


def names() -> set[str]:
    """Of all samples that a server can have: with ``_bucket``, ``_sum`` and ``_count`` for histograms."""
    endings = {"histogram": ("_bucket", "_sum", "_count")}
    return {each.name + end for each in all_series() for end in endings.get(each.kind, ("",))}


def tables() -> str:
    lines = []
    for heading, beginnings in PARTS:
        lines += [f"## {heading}", "", "| series | kind | labels | meaning |", "| --- | --- | --- | --- |"]
        for each in all_series():
            if _belongs(each, beginnings):
                labels = ", ".join(f"`{label}`" for label in each.labels)
                meaning = each.meaning.replace("|", "\\|")
                lines.append(f"| `{each.name}` | {each.kind} | {labels} | {meaning} |")
        lines.append("")
    return "\n".join(lines)


def _series_of(collector: Any) -> Iterator[Series]:
    for family in collector.collect():
        labels = getattr(collector, "_labelnames", None) or getattr(family, "_labelnames", ())
        name = f"{family.name}_total" if family.type == "counter" else family.name
        yield Series(name, family.type, tuple(labels), family.documentation)


def _belongs(series: Series, beginnings: tuple[str, ...]) -> bool:
    return series.name.removeprefix("livehead_").startswith(beginnings)


def main() -> None:
    text = PAGE.read_text()
    before, _, rest = text.partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}{tables()}{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
