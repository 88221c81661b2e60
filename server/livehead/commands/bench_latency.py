"""``livehead bench latency``: microphone to frame, over real WebRTC calls."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.util
import json
from pathlib import Path
from typing import Any

from livehead.bench.latency import measurement
from livehead.bench.latency.table import table
from livehead.bench.server_process import own_server
from livehead.commands.bench_server import server_options
from livehead.commands.options import (
    LATENCY,
    Number,
    Option,
    Whole,
    add_options,
    add_settings,
    existing_file,
    latency_from,
    read,
    settings_from,
    web_address,
)
from livehead.errors import LiveheadError, UsageError

SETTINGS = ("engine", "variant", "models", "device", "size", "latency")
"""Settings of the server that is started where no URL is given; the preset holds for any server."""

IMAGES = (".png", ".svg")


def image_file(text: str) -> Path:
    """Parses the path of an image to be drawn."""
    if Path(text).suffix.lower() not in IMAGES:
        raise ValueError(f"a name that ends with {' or '.join(IMAGES)}")
    return Path(text)


OPTIONS = (
    Option(
        "url", "URL", "server to measure", web_address, unset="default: start one, and measure its CPU and memory too"
    ),
    Option(
        "key",
        "KEY",
        "API key or token for that server; others on this machine see a command line, so better in the environment",
        str,
        unset="default: none",
    ),
    Option("sessions", "N", "calls at once", Whole(1, 1000), 1),
    Option("seconds", "S", "how long to measure, after the warm-up", Number(3, 36_000), 20.0),
    Option("audio", "FILE", "audio file to play into the microphone", existing_file, unset="default: short vowels"),
    Option("loss", "P", "share of packets to lose on the client's side", Number(0, 0.5), 0.0),
    Option("jitter", "MS", "delay each packet by up to MS on the client's side", Number(0, 1000), 0.0),
    Option(
        "rate",
        "KBIT",
        "bit rate of the client's network, kilobits a second each way",
        Number(64, 1_000_000),
        unset="default: no limit",
    ),
    Option("histogram", "FILE", f"draw a histogram, {' or '.join(IMAGES)}; needs matplotlib", image_file),
)


def add(measures: Any, common: argparse.ArgumentParser) -> None:
    parser = measures.add_parser("latency", parents=[common], help="microphone to frame, over real WebRTC calls")
    add_options(parser, OPTIONS)
    parser.add_argument("--browser", action="store_true", help="through Chromium and the demo page (needs Playwright)")
    parser.add_argument("--relay", action="store_true", help="through the server's TURN relay, and no other way")
    add_settings(parser, SETTINGS, LATENCY)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    options = read(args, OPTIONS)
    plan = plan_from(args, options)
    if args.browser:
        return run_browser(plan, options.histogram)
    draw = _drawing() if options.histogram else None
    result = measurement.run(plan)
    if draw is not None:
        draw(result.latency_ms, options.histogram, title="audio to frame, ms")
    print(table(result.figures))
    print(json.dumps(result.figures, separators=(",", ":")))
    return 0


def run_browser(plan: measurement.LatencyPlan, histogram: Path | None) -> int:
    if plan.audio is not None or plan.loss or plan.jitter_ms or plan.rate_kbit or plan.key or histogram is not None:
        raise UsageError("--browser can be combined with --url, --sessions, --seconds, --latency and --relay only")
    if importlib.util.find_spec("playwright") is None:
        raise LiveheadError("--browser needs Playwright, which is not installed: pip install 'livehead[bench]'")
    browser = importlib.import_module("livehead.bench.latency.browser")  # Playwright is not installed everywhere
    with contextlib.ExitStack() as stack:
        url, pid = plan.url, None
        if url is None:
            # The page calls again to be measured: for a moment it holds two sessions.
            server = stack.enter_context(own_server({**plan.server, "max_sessions": 2 * plan.sessions}))
            url, pid = server.url, server.pid
        figures = browser.measure(url, plan.sessions, plan.seconds, plan.latency, pid, relay=plan.relay)
    print(browser.table(figures))
    print(json.dumps(figures, separators=(",", ":")))
    return 0


def _drawing() -> Any:
    """The function that draws; found before anything is measured. Raises LiveheadError without matplotlib."""
    if importlib.util.find_spec("matplotlib") is None:
        raise LiveheadError("--histogram needs matplotlib, which is not installed: pip install 'livehead[bench]'")
    return importlib.import_module("livehead.bench.histogram").draw


def plan_from(args: argparse.Namespace, options: argparse.Namespace) -> measurement.LatencyPlan:
    """Raises UsageError."""
    settings = settings_from(args)  # reports a wrong option before anything is started
    return measurement.LatencyPlan(
        url=options.url,
        sessions=options.sessions,
        seconds=options.seconds,
        latency=args.latency or (None if options.url else latency_from(settings)),
        audio=options.audio,
        loss=options.loss,
        jitter_ms=options.jitter,
        rate_kbit=options.rate,
        key=options.key,
        relay=args.relay,
        server=server_options(settings, latency_from(settings)),
    )
