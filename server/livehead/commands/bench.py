"""``livehead bench``: measure. A table, and as the last line of stdout one JSON object."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.util
import json
import os
from pathlib import Path
from typing import Any

from livehead.bench.histogram import draw, kinds
from livehead.bench.latency import measurement as latency
from livehead.bench.latency.table import table
from livehead.bench.media import measurement as media
from livehead.bench.media import table as mediatable
from livehead.bench.media.clip import PORTRAIT
from livehead.bench.server_process import own_server
from livehead.commands import enginebench
from livehead.commands.options import add_settings, number, settings_from
from livehead.errors import LiveheadError, UsageError

SERVER_OPTIONS = ("engine", "variant", "models", "device", "size", "latency")
"""Settings of the server that is started where no URL is given; the preset holds for any server."""


def add(subparsers: Any, common: argparse.ArgumentParser) -> None:
    parser = subparsers.add_parser("bench", help="measure latency, encoding and sending, or the engine")
    measures = parser.add_subparsers(title="measures", required=True, metavar="MEASURE")
    add_latency(measures, common)
    add_media(measures, common)
    enginebench.add(measures, common)


def add_latency(measures: Any, common: argparse.ArgumentParser) -> None:
    parser = measures.add_parser("latency", parents=[common], help="microphone to frame, over real WebRTC calls")
    for name, metavar, text in (
        ("url", "URL", "server to measure (default: start one, and measure its CPU and memory too)"),
        ("sessions", "N", "calls at once (default: 1)"),
        ("seconds", "S", "how long to measure, after the warm-up (default: 20)"),
        ("audio", "WAV", "audio file to say (default: bursts)"),
        ("loss", "P", "share of packets to lose on the client's side, 0 to 0.5 (default: 0)"),
        ("jitter", "MS", "hold packets up by 0 to MS on the client's side (default: 0)"),
        ("rate", "KBIT", "kilobits a second that the client's line carries each way (default: no limit)"),
        ("histogram", "FILE", f"draw a histogram: {' or '.join(kinds())}"),
    ):
        given = os.environ.get(f"LIVEHEAD_{name.upper()}")
        parser.add_argument(f"--{name}", metavar=metavar, default=given, help=text)
    parser.add_argument("--browser", action="store_true", help="through Chromium and the demo page (needs Playwright)")
    add_settings(parser, SERVER_OPTIONS)
    parser.set_defaults(run=run_latency)


def run_latency(args: argparse.Namespace) -> int:
    histogram = Path(args.histogram) if args.histogram else None
    if histogram is not None and histogram.suffix.lower() not in kinds():
        raise UsageError(f"--histogram {histogram}: the name must end with {' or '.join(kinds())}")
    plan = plan_from(args)
    if args.browser:
        return run_browser(plan, histogram)
    result = latency.run(plan)
    if histogram is not None:
        draw(result.latency_ms, histogram, title="audio to frame, ms")
    print(table(result.figures))
    print(json.dumps(result.figures, separators=(",", ":")))
    return 0


def add_media(measures: Any, common: argparse.ArgumentParser) -> None:
    parser = measures.add_parser("media", parents=[common], help="encoding and sending, beside aiortc's own")
    for name, metavar, text in (
        ("seconds", "S", "length of a clip, and of every call (default: 8)"),
        ("size", "SIZE", f"side of the frames, a multiple of 32 (default: {media.SIZE})"),
        ("bitrate", "BITS", f"bits a second for the frame (default: {media.BITRATE})"),
        ("portrait", "IMG", "picture of a face to animate (default: the built-in one)"),
    ):
        given = os.environ.get(f"LIVEHEAD_{name.upper()}")
        parser.add_argument(f"--{name}", metavar=metavar, default=given, help=text)
    parser.set_defaults(run=run_media)


def run_media(args: argparse.Namespace) -> int:
    size = int(number(args.size, "size", media.SIZE, 64, 1024, whole=True))
    if size % 32:
        raise UsageError(f"--size {args.size}: a multiple of 32 is wanted")
    portrait = Path(args.portrait) if args.portrait else PORTRAIT
    if not portrait.is_file():
        raise UsageError(f"--portrait {portrait}: there is no such file")
    figures = media.run(
        media.Plan(
            portrait=portrait,
            seconds=number(args.seconds, "seconds", 8, 1, 60),
            size=size,
            bitrate=int(number(args.bitrate, "bitrate", media.BITRATE, 100_000, 10_000_000, whole=True)),
        )
    )
    print(mediatable.table(figures))
    print(json.dumps(figures, separators=(",", ":")))
    return 0


def run_browser(plan: latency.Plan, histogram: Path | None) -> int:
    if plan.audio is not None or plan.loss or plan.jitter_ms or plan.rate_kbit or histogram is not None:
        raise UsageError("--browser goes with --url, --sessions, --seconds and --latency only")
    if importlib.util.find_spec("playwright") is None:
        raise LiveheadError("--browser needs Playwright, which is not installed: pip install 'livehead[test]'")
    browser = importlib.import_module(
        "livehead.bench.latency.browser"
    )  # not at the top: whoever serves has no Playwright
    with contextlib.ExitStack() as stack:
        url, pid = plan.url, None
        if url is None:
            # The page calls anew to be measured: for a moment it has two places.
            server = stack.enter_context(own_server({**plan.server, "max_sessions": 2 * plan.sessions}))
            url, pid = server.url, server.pid
        figures = browser.measure(url, plan.sessions, plan.seconds, plan.latency, pid)
    print(browser.table(figures))
    print(json.dumps(figures, separators=(",", ":")))
    return 0


def plan_from(args: argparse.Namespace) -> latency.Plan:
    """Raises UsageError."""
    settings = settings_from(args)  # says what is wrong with an option before anything is started
    if args.url is not None and not args.url.startswith(("http://", "https://")):
        raise UsageError(f"--url {args.url}: an address that begins with http:// or https:// is wanted")
    audio = Path(args.audio) if args.audio else None
    if audio is not None and not audio.is_file():
        raise UsageError(f"--audio {audio}: there is no such file")
    return latency.Plan(
        url=args.url,
        sessions=int(number(args.sessions, "sessions", 1, 1, 1000, whole=True)),
        seconds=number(args.seconds, "seconds", 20, 3, 36_000),
        latency=args.latency or (None if args.url else settings.sessions.latency),
        audio=audio,
        loss=number(args.loss, "loss", 0, 0, 0.5),
        jitter_ms=number(args.jitter, "jitter", 0, 0, 1000),
        rate_kbit=number(args.rate, "rate", 0, 64, 1_000_000) or None,
        server={
            "engine": settings.engine.engine,
            "variant": settings.engine.variant,
            "models": settings.engine.models,
            "device": settings.engine.device,
            "size": settings.engine.size,
            "latency": settings.sessions.latency,
        },
    )
