"""``livehead replay``: a session that was recorded with record=replay becomes an MP4."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from livehead.commands.options import (
    LATENCY,
    Option,
    add_options,
    add_settings,
    latency_from,
    read,
    settings_from,
)
from livehead.engine.base import GeneratorInfo, Preset
from livehead.engine.capacity.cheapest import film_preset
from livehead.engine.choice import choose
from livehead.engine.factory import make, warm_up_whole
from livehead.errors import UsageError
from livehead.replay.film import replay
from livehead.replay.header import Header
from livehead.replay.reader import ReplayFile
from livehead.settings import EngineSettings, Settings

SETTINGS = ("engine", "variant", "models", "device", "attention", "precision", "size", "latency", "visible_mark")

OPTIONS = (Option("out", "OUT.mp4", "video file to write", Path, required=True),)


def add(subparsers: Any, common: argparse.ArgumentParser, _words: Sequence[str]) -> None:
    parser = subparsers.add_parser(
        "replay", parents=[common], help="make an MP4 of a recorded session, with any engine"
    )
    parser.add_argument("session", metavar="SESSION.lhr", type=Path, help="replay file of a session with record=replay")
    add_options(parser, OPTIONS)
    add_settings(parser, SETTINGS, LATENCY)
    parser.add_argument(
        "--recut",
        action="store_true",
        help="make new windows even with the engine of the session: what was late or left out then is in the film",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    options, settings = read(args, OPTIONS), settings_from(args)
    header = ReplayFile(args.session).header
    settings = settings_from(args, _as_recorded(header, settings))
    choice = choose(settings.engine)
    print(f"Engine: {choice.name} ({choice.reason})", flush=True)
    generator = make(choice.spec)
    warm_up_whole(generator)  # a window is the same to the byte only in a batch that is computed as the live one was
    preset = _preset(header, generator.info, settings, recut=args.recut)
    report = replay(
        args.session,
        options.out,
        generator=generator,
        preset=preset,
        marked=settings.store.visible_mark != "off",
        progress=True,
    )
    if not report.whole:
        rest = f", and its last {report.unread} bytes cannot be used" if report.unread else ""
        print(f"{args.session} was cut short, as by a crash: the film ends with it{rest}.")
    if report.as_live and not header.made_alike(generator.info):
        print("The session's device, precision or weights were others: pictures may differ a little from those sent.")
    how = "with the windows of the session" if report.as_live else "with windows of its own"
    print(
        f"{report.out}: {report.seconds:.1f} s, {report.frames} frames, made in {report.elapsed:.1f} s "
        f"({report.speed:.1f} times real time), {how}"
    )
    return 0


def _as_recorded(header: Header, settings: Settings) -> dict[str, Any]:
    """The engine of the session, its variant and its size, where nobody asked for others."""
    asked = settings.engine.model_fields_set
    given: dict[str, Any] = {}
    if "engine" not in asked:
        if header.engine not in ("preview", "flashhead"):
            raise UsageError(f"The session was made by the engine {header.engine!r}: choose one of here with --engine.")
        given["engine"] = header.engine
    if "variant" not in asked and header.variant is not None:
        given["variant"] = header.variant
    if "size" not in asked and header.width == header.height and _can_be_size(header.width):
        given["size"] = header.width
    return given


def _can_be_size(size: int) -> bool:
    bounds = EngineSettings.model_fields["size"].metadata
    least, most, multiple = (
        next(getattr(each, name) for each in bounds if hasattr(each, name)) for name in ("ge", "le", "multiple_of")
    )
    return bool(least <= size <= most and size % multiple == 0)


def _preset(header: Header, info: GeneratorInfo, settings: Settings, *, recut: bool) -> Preset | None:
    """None for the windows of the session. They are kept where the engine is the same and no preset is asked for but
    the one that the session began with. Otherwise that one is taken, if the engine has one of its name."""
    asked = "latency" in settings.sessions.model_fields_set
    name = film_preset(info, latency_from(settings)) if asked else header.latency
    if header.made_by(info) and name == header.latency and not recut:
        return None
    return info.presets.get(name) or info.presets[film_preset(info, latency_from(settings))]
