"""``livehead render``: a portrait and an audio file become an MP4."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from livehead.commands.options import add_settings, settings_from
from livehead.core.messages import MAX_SEED
from livehead.engine.choice import choose
from livehead.engine.factory import make
from livehead.errors import UsageError
from livehead.render import render

OPTIONS = ("engine", "variant", "models", "device", "attention", "products", "size", "latency")


def add(subparsers: Any, common: argparse.ArgumentParser) -> None:
    parser = subparsers.add_parser("render", parents=[common], help="make an MP4 of a portrait and an audio file")
    for name, metavar, text in (
        ("portrait", "IMG", "picture of a face: PNG, JPEG or WebP"),
        ("audio", "IN", "audio file, any format that FFmpeg reads"),
        ("out", "OUT.mp4", "the film to write"),
        ("seed", "N", "the same number gives the same film (default: 0)"),
    ):
        given = os.environ.get(f"LIVEHEAD_{name.upper()}")
        parser.add_argument(f"--{name}", metavar=metavar, default=given, help=text)
    add_settings(parser, OPTIONS)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    portrait, audio, out = (_path(args, name) for name in ("portrait", "audio", "out"))
    seed = _seed(args.seed)
    settings = settings_from(args)
    choice = choose(settings.engine)
    print(f"Engine: {choice.name} ({choice.reason})", flush=True)
    generator = make(choice.spec)
    preset = generator.info.presets[settings.sessions.latency]
    report = render(portrait, audio, out, generator=generator, preset=preset, seed=seed, progress=True)
    print(
        f"{report.out}: {report.seconds:.1f} s, {report.frames} frames, made in {report.elapsed:.1f} s "
        f"({report.speed:.1f} times real time), seed {seed}"
    )
    return 0


def _path(args: argparse.Namespace, name: str) -> Path:
    given = getattr(args, name)
    if not given:
        raise UsageError(f"--{name} is missing (see livehead render --help)")
    return Path(given)


def _seed(given: str | None) -> int:
    try:
        seed = int(given or 0)
    except ValueError:
        seed = -1
    if not 0 <= seed <= MAX_SEED:
        raise UsageError(f"--seed {given}: a whole number from 0 on is wanted")
    return seed
