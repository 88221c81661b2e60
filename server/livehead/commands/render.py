"""``livehead render``: a portrait and an audio file become an MP4."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from livehead.avatars import find_portrait
from livehead.commands.options import Option, Whole, add_options, add_settings, read, settings_from
from livehead.core.limits import MAX_SEED
from livehead.engine.choice import choose
from livehead.engine.factory import make
from livehead.render.offline import render

SETTINGS = ("engine", "variant", "models", "device", "attention", "precision", "size", "latency")

OPTIONS = (
    Option(
        "portrait",
        "IMG",
        "picture of a face, PNG, JPEG or WebP, or the id of a built-in portrait such as amara",
        str,
        required=True,
    ),
    Option("audio", "IN", "audio file of any format that FFmpeg reads", Path, required=True),
    Option("out", "OUT.mp4", "video file to write", Path, required=True),
    Option("seed", "N", "the same seed gives the same video", Whole(0, MAX_SEED), 0),
)


def add(subparsers: Any, common: argparse.ArgumentParser) -> None:
    parser = subparsers.add_parser("render", parents=[common], help="make an MP4 of a portrait and an audio file")
    add_options(parser, OPTIONS)
    add_settings(parser, SETTINGS)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    options, settings = read(args, OPTIONS), settings_from(args)
    portrait = find_portrait(options.portrait)
    choice = choose(settings.engine)
    print(f"Engine: {choice.name} ({choice.reason})", flush=True)
    generator = make(choice.spec)
    preset = generator.info.presets[settings.sessions.latency]
    report = render(
        portrait,
        options.audio,
        options.out,
        generator=generator,
        preset=preset,
        seed=options.seed,
        progress=True,
    )
    print(
        f"{report.out}: {report.seconds:.1f} s, {report.frames} frames, made in {report.elapsed:.1f} s "
        f"({report.speed:.1f} times real time), seed {options.seed}"
    )
    return 0
