"""``livehead bench soak``: whether a server may be left running."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from livehead.bench.soak import measurement
from livehead.bench.soak.table import figures, table
from livehead.bench.soak.verdict import FPS, LOOP_MS, SKEW_DRIFT_MS, SKEW_MS, STILL_S, STILLS, STILLS_HOUR, verdict
from livehead.commands.bench_server import server_options
from livehead.commands.options import Number, Option, Whole, add_options, add_settings, read, settings_from, web_address
from livehead.errors import UsageError

SETTINGS = ("engine", "variant", "models", "device", "size", "latency")
"""Settings of the server that is started where no URL is given."""

OPTIONS = (
    Option("hours", "H", "how long", Number(0.01, 10_000), 1.0),
    Option("url", "URL", "server to use; no faults are thrown into it", web_address, unset="default: start one"),
    Option(
        "key",
        "KEY",
        "API key for that server; others on this machine see a command line, so better in the environment",
        str,
        unset="default: none",
    ),
    Option("callers", "N", "callers at once, beside the one that measures", Whole(1, 500), 3),
    Option("seed", "S", "draws what callers do, and the faults", Whole(0, 2**31 - 1), 1),
    Option("patience", "TIMES", "what is allowed of every time, for a slow or a busy machine", Number(1, 20), 1.0),
)


def add(measures: Any, common: argparse.ArgumentParser) -> None:
    parser = measures.add_parser(
        "soak",
        parents=[common],
        help="mixed callers for hours, with faults, and a verdict",
        description="Callers come and go as people do, over good lines and bad ones: they talk, are spoken for, "
        "interrupt, change portraits, looks and presets, upload, record, render, watch, and drop off, as the seed has "
        "it. Meanwhile the worker is killed or hangs, clients are killed, bad requests and too many callers come. At "
        "the end there is a verdict, with status 1 where it is bad: what a process holds grows steadily; voice and "
        f"picture are over {SKEW_MS:g} ms apart (p95), or drift by over {SKEW_DRIFT_MS:g} ms; there are under {FPS:g} "
        f"new pictures a second; one stands still for over {STILL_S:g} s, or {STILLS_HOUR:g} an hour and {STILLS} more "
        "do, but for the promised time of a fault; the worker is lost more often than it was meant to be; a film or a "
        "render does not play; anybody is refused while there is room; there are errors that no fault explains; or the "
        f"event loop is held for over {LOOP_MS:g} ms (p99.9). Ctrl-C ends it early, with the verdict of what was seen.",
    )
    add_options(parser, OPTIONS)
    parser.add_argument("--no-faults", action="store_true", help="nothing goes wrong on purpose")
    add_settings(parser, SETTINGS)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    plan = plan_from(args)
    soaked = measurement.run(plan, lambda line: print(line, file=sys.stderr, flush=True))
    found = verdict(soaked.seen, plan.patience)
    shown = figures(plan, soaked, found)
    print(table(shown))
    print(json.dumps(shown, separators=(",", ":")))
    return 0 if found.good else 1


def plan_from(args: argparse.Namespace) -> measurement.SoakPlan:
    """Raises UsageError."""
    options = read(args, OPTIONS)
    settings = settings_from(args)
    if options.key is not None and options.url is None:
        raise UsageError("--key is for the server that --url names: one that is started here needs none")
    return measurement.SoakPlan(
        seconds=options.hours * 3600,
        callers=options.callers,
        seed=options.seed,
        faults=not args.no_faults and options.url is None,
        patience=options.patience,
        url=options.url,
        key=options.key,
        server=server_options(settings, settings.sessions.latency),
    )
