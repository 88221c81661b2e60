"""``livehead bench``: measure. Each measure prints a table, and as the last line of stdout one JSON object."""

from __future__ import annotations

import argparse
from typing import Any

from livehead.commands import bench_attack, bench_engine, bench_fleet, bench_latency, bench_media

MEASURES = (bench_latency, bench_attack, bench_media, bench_engine, bench_fleet)


def add(subparsers: Any, common: argparse.ArgumentParser) -> None:
    parser = subparsers.add_parser(
        "bench", help="measure latency, also under attack, encoding and sending, or the engine; simulate a fleet"
    )
    measures = parser.add_subparsers(title="measures", required=True, metavar="MEASURE")
    for measure in MEASURES:
        measure.add(measures, common)
