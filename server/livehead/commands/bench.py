"""``livehead bench``: measure. Each measure prints a table, and as the last line of stdout one JSON object."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from livehead.commands.chosen import chosen

MEASURES = ("latency", "attack", "media", "engine", "fleet", "soak")


def add(subparsers: Any, common: argparse.ArgumentParser, words: Sequence[str]) -> None:
    parser = subparsers.add_parser(
        "bench", help="measure latency, also under attack, encoding and sending, or the engine; simulate a fleet; soak"
    )
    measures = parser.add_subparsers(title="measures", required=True, metavar="MEASURE")
    for measure in chosen(MEASURES, words, prefix="bench_"):
        measure.add(measures, common)
