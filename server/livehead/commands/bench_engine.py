"""``livehead bench engine``: how fast the engine is, and how many live sessions it holds."""

from __future__ import annotations

import argparse
import json
from typing import Any

from livehead.bench.engine import measurement as engine
from livehead.bench.engine.plan import EnginePlan
from livehead.bench.engine.table import table as engine_table
from livehead.bench.load import day
from livehead.bench.load import measurement as load
from livehead.bench.load.table import table as load_table
from livehead.commands.options import (
    LATENCY,
    Choice,
    Number,
    Option,
    Whole,
    Wholes,
    add_options,
    add_settings,
    latency_from,
    read,
    settings_from,
)
from livehead.core.latency_choice import AUTO
from livehead.engine.capacity.model import SPEECH_SHARE
from livehead.models.places import models_folder

SETTINGS = ("engine", "variant", "models", "device", "size", "attention", "precision", "memory", "latency")

OPTIONS = (
    Option("batch", "N,…", "streams in a step", Wholes(64), unset="default: 1,2,4,8"),
    Option("hop", "N,…", "new frames kept of a window", Wholes(32), (), unset="default: all"),
    Option("windows", "N", "windows timed for each batch and hop", Whole(1, 100_000), 30),
    Option("dtype", "TYPE", "floating-point type of the model", Choice(("bfloat16", "float32")), "bfloat16"),
)

LOAD_OPTIONS = (
    Option(
        "streams",
        "N,…|auto",
        "sessions at once; auto looks for the most that meet every deadline",
        Wholes(1000, "auto"),
    ),
    Option(
        "speech",
        "SHARE",
        "each session is a server's own, and speaks so much of the time, 0 to 1, in phrases of 1 to 6 s",
        Number(0, 1),
        unset="default: sessions that send windows of speech without a pause; with --latency auto 1",
    ),
    Option("seconds", "S", "how long to keep them going", Number(2, 36_000), 20.0),
    Option(
        "allowance",
        "MS",
        "time from a complete window to its first frame being due",
        Number(1, 10_000),
        unset="default: all that the preset's maximum delay leaves",
    ),
    Option(
        "seed",
        "N",
        "start the sessions at random times drawn with this seed",
        Whole(0, 2**32 - 1),
        unset="default: evenly spread over a hop",
    ),
    Option(
        "renders",
        "K",
        "measure again with so many films that are made behind the sessions; with auto, behind the most",
        Whole(1, 64),
        unset="default: none",
    ),
    Option(
        "churn",
        "S",
        "every S seconds one session leaves, one joins, and one switches to a portrait never seen before; S is 1 if "
        "left out",
        Number(0.1, 3600),
        bare="1",
    ),
)


def add(measures: Any, common: argparse.ArgumentParser) -> None:
    parser = measures.add_parser("engine", parents=[common], help="frames and streams a second, by stage")
    add_options(parser, OPTIONS)
    parser.add_argument("--synthetic", action="store_true", help="random weights of full size: no download")
    parser.add_argument("--tiny", action="store_true", help="a tiny random model, for machines without a GPU")
    group = parser.add_argument_group(
        "live sessions",
        "With --streams the engine's own worker serves sessions in real time, each window with its deadline. The "
        "other measurements are made only if --batch is given too. --hop picks the preset that has it; otherwise "
        "--latency counts.",
    )
    add_options(group, LOAD_OPTIONS)
    group.add_argument(
        "--day",
        action="store_true",
        help="simulate a day of callers at one H100 with Lite, 10 in the quietest hour and 60 in the busiest: "
        "--latency (auto by default), --speech and --seed count, and nothing is measured",
    )
    add_settings(parser, SETTINGS, LATENCY)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    options, settings = read(args, OPTIONS + LOAD_OPTIONS), settings_from(args)
    if args.day:
        speech = SPEECH_SHARE if options.speech is None else options.speech
        latency = AUTO if args.latency is None else latency_from(settings)
        figures = day.run(day.DayPlan(latency=latency, speech=speech, seed=1 if options.seed is None else options.seed))
        print(day.table(figures))
        print(json.dumps({"day": figures}, separators=(",", ":")))
        return 0
    plan = EnginePlan(
        engine="preview" if settings.engine.engine == "preview" else "flashhead",
        variant=settings.engine.variant,
        batches=options.batch or (1, 2, 4, 8),
        hops=options.hop,
        synthetic=args.synthetic,
        tiny=args.tiny,
        device=settings.engine.device,
        dtype=options.dtype,
        models=models_folder(settings.engine),
        size=settings.engine.size,
        attention=settings.engine.attention,
        precision=settings.engine.precision,
        memory=settings.engine.memory,
        windows=options.windows,
    )
    figures = {}
    if options.streams is not None:
        figures = load.run(
            load.LoadPlan(
                engine=plan,
                streams=options.streams,
                seconds=options.seconds,
                latency=latency_from(settings),
                hops=plan.hops,
                churn_s=options.churn,
                renders=options.renders or 0,
                seed=options.seed,
                speech=options.speech,
                allowance_s=None if options.allowance is None else options.allowance / 1000,
            )
        )
        print(load_table(figures))
    if options.batch or options.streams is None:
        figures |= engine.run(plan)
        print(engine_table(figures))
    print(json.dumps(figures, separators=(",", ":")))
    return 0
