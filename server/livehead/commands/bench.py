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

from livehead.bench import engine, latency, load, loadtable, media, mediatable
from livehead.bench.histogram import draw, kinds
from livehead.bench.report import table
from livehead.bench.server import own_server
from livehead.commands.options import add_settings, settings_from
from livehead.errors import LiveheadError, UsageError

SERVER_OPTIONS = ("engine", "variant", "models", "device", "size", "latency")
"""Settings of the server that is started where no URL is given; the preset holds for any server."""


def add(subparsers: Any, common: argparse.ArgumentParser) -> None:
    parser = subparsers.add_parser("bench", help="measure latency, encoding and sending, or the engine")
    measures = parser.add_subparsers(title="measures", required=True, metavar="MEASURE")
    add_latency(measures, common)
    add_media(measures, common)
    add_engine(measures, common)


def add_latency(measures: Any, common: argparse.ArgumentParser) -> None:
    parser = measures.add_parser("latency", parents=[common], help="microphone to picture, over real WebRTC calls")
    for name, metavar, text in (
        ("url", "URL", "server to measure (default: start one, and measure its CPU and memory too)"),
        ("sessions", "N", "calls at once (default: 1)"),
        ("seconds", "S", "how long to measure, after the warm-up (default: 20)"),
        ("audio", "WAV", "sound file to say (default: bursts)"),
        ("loss", "P", "share of packets to lose on the client's side, 0 to 0.5 (default: 0)"),
        ("jitter", "MS", "hold packets up by 0 to MS on the client's side (default: 0)"),
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
        draw(result.latency_ms, histogram, title="sound to picture, ms")
    print(table(result.figures))
    print(json.dumps(result.figures, separators=(",", ":")))
    return 0


def add_media(measures: Any, common: argparse.ArgumentParser) -> None:
    parser = measures.add_parser("media", parents=[common], help="encoding and sending, beside aiortc's own")
    for name, metavar, text in (
        ("seconds", "S", "length of the clip, and of every call (default: 8)"),
        ("size", "SIZE", f"side of the pictures, a multiple of 32 (default: {media.SIZE})"),
        ("bitrate", "BITS", f"bits a second for the picture (default: {media.BITRATE})"),
    ):
        given = os.environ.get(f"LIVEHEAD_{name.upper()}")
        parser.add_argument(f"--{name}", metavar=metavar, default=given, help=text)
    parser.set_defaults(run=run_media)


def run_media(args: argparse.Namespace) -> int:
    size = int(_number(args.size, "size", media.SIZE, 64, 1024, whole=True))
    if size % 32:
        raise UsageError(f"--size {args.size}: a multiple of 32 is wanted")
    figures = media.run(
        media.Plan(
            seconds=_number(args.seconds, "seconds", 8, 1, 60),
            size=size,
            bitrate=int(_number(args.bitrate, "bitrate", media.BITRATE, 100_000, 10_000_000, whole=True)),
        )
    )
    print(mediatable.table(figures))
    print(json.dumps(figures, separators=(",", ":")))
    return 0


def run_browser(plan: latency.Plan, histogram: Path | None) -> int:
    if plan.sound is not None or plan.loss or plan.jitter_ms or histogram is not None:
        raise UsageError("--browser goes with --url, --sessions, --seconds and --latency only")
    if importlib.util.find_spec("playwright") is None:
        raise LiveheadError("--browser needs Playwright, which is not installed: pip install 'livehead[test]'")
    browser = importlib.import_module("livehead.bench.browser")  # not at the top: whoever serves has no Playwright
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
    sound = Path(args.audio) if args.audio else None
    if sound is not None and not sound.is_file():
        raise UsageError(f"--audio {sound}: there is no such file")
    return latency.Plan(
        url=args.url,
        sessions=int(_number(args.sessions, "sessions", 1, 1, 1000, whole=True)),
        seconds=_number(args.seconds, "seconds", 20, 3, 36_000),
        latency=args.latency or (None if args.url else settings.sessions.latency),
        sound=sound,
        loss=_number(args.loss, "loss", 0, 0, 0.5),
        jitter_ms=_number(args.jitter, "jitter", 0, 0, 1000),
        server={
            "engine": settings.engine.engine,
            "variant": settings.engine.variant,
            "models": settings.engine.models,
            "device": settings.engine.device,
            "size": settings.engine.size,
            "latency": settings.sessions.latency,
        },
    )


def _number(given: str | None, name: str, default: float, least: float, most: float, *, whole: bool = False) -> float:
    if given is None:
        return default
    try:
        number = float(given)
    except ValueError:
        number = float("nan")
    if not least <= number <= most or (whole and number != int(number)):
        kind = "a whole number" if whole else "a number"
        raise UsageError(f"--{name} {given}: {kind} from {least:g} to {most:g} is wanted")
    return number


def add_engine(measures: Any, common: argparse.ArgumentParser) -> None:
    parser = measures.add_parser("engine", parents=[common], help="pictures and streams a second, by stage")
    parser.add_argument("--batch", metavar="N,…", help="streams in a step (default: 1,2,4,8)")
    parser.add_argument("--hop", metavar="N,…", help="new pictures kept of a window (default: all)")
    parser.add_argument("--windows", metavar="N", default="30", help="windows timed of each kind (default: 30)")
    parser.add_argument("--dtype", choices=("bfloat16", "float32"), default="bfloat16")
    parser.add_argument("--synthetic", action="store_true", help="random weights of full size: no download")
    parser.add_argument("--tiny", action="store_true", help="a tiny random model, for machines without a GPU")
    add_load(parser)
    add_settings(parser, ("engine", "variant", "models", "device", "size", "attention", "products", "latency"))
    parser.set_defaults(run=run_engine)


def add_load(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "live sessions",
        "With --streams the engine's own worker serves sessions in real time, each window with its deadline. The rest "
        "is measured only where --batch is given too. --hop takes the preset that has it, else --latency counts.",
    )
    for name, metavar, text in (
        ("streams", "N,…|auto", "sessions to hold at once; auto looks for the most that hold every deadline"),
        ("seconds", "S", "how long to hold them (default: 20)"),
        ("allowance", "MS", "due so long after a window is whole (default: all that the preset's bound leaves)"),
        ("seed", "N", "sessions begin at random, drawn with this (default: evenly spread over a hop)"),
    ):
        given = os.environ.get(f"LIVEHEAD_{name.upper()}")
        group.add_argument(f"--{name}", metavar=metavar, default=given, help=text)
    group.add_argument(
        "--churn",
        metavar="S",
        nargs="?",
        const="1",
        default=os.environ.get("LIVEHEAD_CHURN"),
        help="every S seconds (1) one leaves and one comes, and one changes its portrait, to pictures never seen",
    )


def run_engine(args: argparse.Namespace) -> int:
    settings = settings_from(args)
    plan = engine.Plan(
        engine="preview" if settings.engine.engine == "preview" else "flashhead",
        variant=settings.engine.variant,
        batches=_numbers(args.batch or "1,2,4,8", "batch", 64),
        hops=_numbers(args.hop, "hop", 32) if args.hop else (),
        synthetic=args.synthetic,
        tiny=args.tiny,
        device=settings.engine.device,
        dtype=args.dtype,
        models=settings.engine.models,
        size=settings.engine.size,
        attention=settings.engine.attention,
        products=settings.engine.products,
        windows=int(_number(args.windows, "windows", 30, 1, 100_000, whole=True)),
    )
    figures: dict[str, Any] = {}
    if args.streams:
        figures = load.run(load_plan(args, plan, settings.sessions.latency))
        print(loadtable.table(figures))
    if args.batch or not args.streams:
        figures |= engine.run(plan)
        print(engine.table(figures))
    print(json.dumps(figures, separators=(",", ":")))
    return 0


def load_plan(args: argparse.Namespace, plan: engine.Plan, latency: str) -> load.Plan:
    """Raises UsageError."""
    return load.Plan(
        engine=plan,
        streams=() if args.streams == "auto" else _numbers(args.streams, "streams", 1000),
        seconds=_number(args.seconds, "seconds", 20, 2, 36_000),
        latency=latency,
        hops=plan.hops,
        churn_s=None if args.churn is None else _number(args.churn, "churn", 1, 0.1, 3600),
        seed=None if args.seed is None else int(_number(args.seed, "seed", 0, 0, 2**32 - 1, whole=True)),
        allowance_s=None if args.allowance is None else _number(args.allowance, "allowance", 0, 1, 10_000) / 1000,
    )


def _numbers(given: str, name: str, most: int) -> tuple[int, ...]:
    return tuple(int(_number(each, name, 1, 1, most, whole=True)) for each in given.split(","))
