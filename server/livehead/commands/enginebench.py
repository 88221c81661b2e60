"""``livehead bench engine``: how fast the engine is, and how many live sessions it holds."""

from __future__ import annotations

import argparse
import json
import os
from typing import Any

from livehead.bench.engine import measurement as engine
from livehead.bench.load import measurement as load
from livehead.bench.load import table as loadtable
from livehead.commands.options import add_settings, number, numbers, settings_from


def add(measures: Any, common: argparse.ArgumentParser) -> None:
    parser = measures.add_parser("engine", parents=[common], help="frames and streams a second, by stage")
    parser.add_argument("--batch", metavar="N,…", help="streams in a step (default: 1,2,4,8)")
    parser.add_argument("--hop", metavar="N,…", help="new frames kept of a window (default: all)")
    parser.add_argument("--windows", metavar="N", default="30", help="windows timed of each kind (default: 30)")
    parser.add_argument("--dtype", choices=("bfloat16", "float32"), default="bfloat16")
    parser.add_argument("--synthetic", action="store_true", help="random weights of full size: no download")
    parser.add_argument("--tiny", action="store_true", help="a tiny random model, for machines without a GPU")
    add_load(parser)
    add_settings(parser, ("engine", "variant", "models", "device", "size", "attention", "products", "latency"))
    parser.set_defaults(run=run)


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
        help="every S seconds (1) one leaves and one comes, and one changes its portrait, to frames never seen",
    )


def run(args: argparse.Namespace) -> int:
    settings = settings_from(args)
    plan = engine.Plan(
        engine="preview" if settings.engine.engine == "preview" else "flashhead",
        variant=settings.engine.variant,
        batches=numbers(args.batch or "1,2,4,8", "batch", 64),
        hops=numbers(args.hop, "hop", 32) if args.hop else (),
        synthetic=args.synthetic,
        tiny=args.tiny,
        device=settings.engine.device,
        dtype=args.dtype,
        models=settings.engine.models,
        size=settings.engine.size,
        attention=settings.engine.attention,
        products=settings.engine.products,
        windows=int(number(args.windows, "windows", 30, 1, 100_000, whole=True)),
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
        streams=() if args.streams == "auto" else numbers(args.streams, "streams", 1000),
        seconds=number(args.seconds, "seconds", 20, 2, 36_000),
        latency=latency,
        hops=plan.hops,
        churn_s=None if args.churn is None else number(args.churn, "churn", 1, 0.1, 3600),
        seed=None if args.seed is None else int(number(args.seed, "seed", 0, 0, 2**32 - 1, whole=True)),
        allowance_s=None if args.allowance is None else number(args.allowance, "allowance", 0, 1, 10_000) / 1000,
    )
