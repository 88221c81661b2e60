"""``livehead bench media``: encoding and sending, compared with aiortc's own."""

from __future__ import annotations

import argparse
import json
from typing import Any

from livehead.bench.media import measurement
from livehead.bench.media.clip import PORTRAIT
from livehead.bench.media.table import table
from livehead.commands.options import Number, Option, Whole, add_options, existing_file, read

OPTIONS = (
    Option("seconds", "S", "length of each clip and of every call", Number(1, 60), 8.0),
    Option("size", "SIZE", "width and height of the frames in pixels", Whole(64, 1024, 32), measurement.SIZE),
    Option("bitrate", "BITS", "video bit rate, bits a second", Whole(100_000, 10_000_000), measurement.BITRATE),
    Option(
        "portrait", "IMG", "picture of a face to animate", existing_file, PORTRAIT, unset="default: the built-in one"
    ),
)


def add(measures: Any, common: argparse.ArgumentParser) -> None:
    parser = measures.add_parser("media", parents=[common], help="encoding and sending, compared with aiortc's own")
    add_options(parser, OPTIONS)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    options = read(args, OPTIONS)
    figures = measurement.run(
        measurement.MediaPlan(
            seconds=options.seconds, size=options.size, bitrate=options.bitrate, portrait=options.portrait
        )
    )
    print(table(figures))
    print(json.dumps(figures, separators=(",", ":")))
    return 0
