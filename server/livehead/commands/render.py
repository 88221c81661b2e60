"""``livehead render``: a portrait and an audio file become an MP4."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from livehead.avatars import find_portrait, load_portrait
from livehead.commands.options import (
    LATENCY,
    Option,
    Whole,
    add_options,
    add_settings,
    latency_from,
    read,
    settings_from,
)
from livehead.core.limits import MAX_SEED
from livehead.core.look import KEEP, Look, read_look
from livehead.engine.base import Backdrop, GeneratorInfo
from livehead.engine.capacity.cheapest import film_preset
from livehead.engine.choice import choose
from livehead.engine.factory import make
from livehead.engine.look import looks_of
from livehead.errors import MalformedError, UsageError
from livehead.render.offline import render

SETTINGS = ("engine", "variant", "models", "device", "attention", "precision", "size", "latency", "visible_mark")


def parse_look(text: str) -> Look:
    """Parses the background of a look."""
    try:
        return read_look({"background": text})
    except MalformedError:
        raise ValueError("keep, #rrggbb, blur, transparent, or a picture as for --portrait") from None


OPTIONS = (
    Option(
        "portrait",
        "IMG",
        "picture of a face, PNG, JPEG or WebP, or the id of a built-in portrait: default, daniel, amara, ingrid, "
        "arjun, juno",
        str,
        required=True,
    ),
    Option("audio", "IN", "audio file of any format that FFmpeg reads", Path, required=True),
    Option("out", "OUT.mp4", "video file to write", Path, required=True),
    Option("seed", "N", "the same seed gives the same video", Whole(0, MAX_SEED), 0),
    Option(
        "look",
        "BACKGROUND",
        "what is behind the portrait: keep, #rrggbb, blur, transparent (its alpha below the picture), or a picture, as "
        "for --portrait",
        parse_look,
        KEEP,
        unset="default: keep",
    ),
)


def add(subparsers: Any, common: argparse.ArgumentParser, _words: Sequence[str]) -> None:
    parser = subparsers.add_parser("render", parents=[common], help="make an MP4 of a portrait and an audio file")
    add_options(parser, OPTIONS)
    add_settings(parser, SETTINGS, LATENCY)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    options, settings = read(args, OPTIONS), settings_from(args)
    portrait = find_portrait(options.portrait)
    choice = choose(settings.engine)
    print(f"Engine: {choice.name} ({choice.reason})", flush=True)
    generator = make(choice.spec)
    backdrop = find_backdrop(options.look, generator.info)
    preset = generator.info.presets[film_preset(generator.info, latency_from(settings))]
    report = render(
        portrait,
        options.audio,
        options.out,
        generator=generator,
        preset=preset,
        seed=options.seed,
        backdrop=backdrop,
        marked=settings.store.visible_mark != "off",
        progress=True,
    )
    print(
        f"{report.out}: {report.seconds:.1f} s, {report.frames} frames, made in {report.elapsed:.1f} s "
        f"({report.speed:.1f} times real time), seed {options.seed}"
    )
    return 0


def find_backdrop(look: Look, info: GeneratorInfo) -> Backdrop | None:
    """What the look puts behind the portrait, None where that keeps its own background. Reads the picture. Raises
    UsageError for what the engine cannot do, and what :func:`find_portrait` and :func:`load_portrait` raise."""
    if look.kind not in (can := looks_of(info)):
        raise UsageError(f"--look {look.background}: the {info.name} engine cannot do that; it can: {', '.join(can)}")
    match look.kind:
        case "keep":
            return None
        case "colour":
            return Backdrop("colour", rgb=look.rgb)
        case "picture":
            return Backdrop("picture", picture=load_portrait(find_portrait(look.background)))
        case kind:
            return Backdrop(kind)
