"""``livehead bench fleet``: a day of a fleet, simulated."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import Any

from livehead.bench.fleet import day
from livehead.bench.fleet.plan import LITE_ON_H100, MIX, FleetDay
from livehead.bench.fleet.table import table
from livehead.commands.options import Number, Option, Whole, add_options, read
from livehead.core.latency_choice import AUTO
from livehead.fleet.ray.plan import read_plan

PRESETS = tuple(LITE_ON_H100)


def replica_numbers(text: str) -> str:
    """Parses the number of replicas, or a range of it."""
    least, _, most = text.partition("-")
    if not (least.isdecimal() and (most or least).isdecimal() and 1 <= int(least) <= int(most or least) <= 999):
        raise ValueError("a number from 1 to 999, or two such as 2-8")
    return text


def mix_of(text: str) -> Mapping[str, float]:
    """Parses shares of the calls by what they choose."""
    found = {}
    for each in text.split(","):
        name, _, share = each.partition("=")
        if name not in (AUTO, *PRESETS):
            raise ValueError(f"shares such as auto=0.8,low=0.2, of {', '.join((AUTO, *PRESETS))}")
        found[name] = Number(0, 1)(share)
    if not sum(found.values()):
        raise ValueError("shares of which one at least is more than 0")
    return found


def places_of(text: str) -> Mapping[str, int]:
    """Parses the sessions that one replica holds at each preset."""
    counts = text.split(",")
    if len(counts) != len(PRESETS):
        raise ValueError(f"three numbers with commas between them: at {', '.join(PRESETS)}")
    return dict(zip(PRESETS, (Whole(1, 1000)(each) for each in counts), strict=True))


DAY = FleetDay()

OPTIONS = (
    Option("calls", "N", "calls in a day", Whole(1, 1_000_000), DAY.calls),
    Option("call_seconds", "S", "mean length of a call", Number(10, 36_000), DAY.call_s),
    Option("busiest", "TIMES", "calls in the busiest hour, in those of the quietest", Number(1, 100), DAY.busiest),
    Option("burst", "N", "more calls that come in one minute of the busiest hour", Whole(0, 100_000), 0),
    Option(
        "mix",
        "NAME=SHARE,…",
        "what callers choose as latency",
        mix_of,
        MIX,
        unset="default: " + ",".join(f"{name}={share:g}" for name, share in MIX.items()),
    ),
    Option("replicas", "N|A-B", "replicas, or from how many to how many", replica_numbers, DAY.fleet.replicas),
    Option("warm_room", "N", "sessions that must always fit beside those that there are", Whole(0, 1000), 20),
    Option("scale_up_seconds", "S", "how long more replicas must be needed", Number(0, 86_400), 5.0),
    Option("scale_down_seconds", "S", "how long fewer must be needed", Number(0, 86_400), 600.0),
    Option(
        "places",
        "N,N,N",
        f"sessions that one replica holds at {', '.join(PRESETS)}",
        places_of,
        LITE_ON_H100,
        unset="default: " + ",".join(map(str, LITE_ON_H100.values())) + ", as measured for Lite on an H100",
    ),
    Option("cards", "N", "cards of each replica, or its share of one", Number(0, 16), DAY.cards),
    Option("start_seconds", "S", "from asking for a replica until it takes sessions", Number(0, 86_400), DAY.start_s),
    Option("mtbf_hours", "H", "mean time until a replica dies; 0 is never", Number(0, 1e6), DAY.mtbf_h),
    Option("relayed", "SHARE", "of the calls that go through TURN", Number(0, 1), DAY.relayed),
    Option("seed", "N", "of all that is drawn by chance", Whole(0, 2**32 - 1), DAY.seed),
)


def add(measures: Any, common: argparse.ArgumentParser) -> None:
    parser = measures.add_parser(
        "fleet",
        parents=[common],
        help="a day of a fleet, simulated",
        description="Simulate a day of calls at a fleet that grows and shrinks, with the fleet's own placement and "
        "scaling: who is refused, what is cut when a replica dies, how many replica-hours it takes. Nothing is "
        "measured.",
    )
    add_options(parser, OPTIONS)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    options = read(args, OPTIONS)
    figures = day.run(
        FleetDay(
            calls=options.calls,
            busiest=options.busiest,
            burst=options.burst,
            call_s=options.call_seconds,
            mix=options.mix,
            fleet=read_plan(
                replicas=options.replicas,
                warm_room=options.warm_room,
                upscale_seconds=options.scale_up_seconds,
                downscale_seconds=options.scale_down_seconds,
            ),
            places=options.places,
            cards=options.cards,
            start_s=options.start_seconds,
            mtbf_h=options.mtbf_hours,
            relayed=options.relayed,
            seed=options.seed,
        )
    )
    print(table(figures))
    print(json.dumps({"fleet_day": figures}, separators=(",", ":")))
    return 0
