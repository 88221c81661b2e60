"""``livehead bench attack``: one client at its limits does not move another's delay."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from livehead.bench.attack import measurement
from livehead.bench.attack.attacks.catalogue import ATTACKS
from livehead.bench.attack.table import table
from livehead.commands.bench_server import server_options
from livehead.commands.options import (
    LATENCY,
    Number,
    Option,
    Whole,
    add_options,
    add_settings,
    latency_from,
    read,
    settings_from,
)

SETTINGS = ("engine", "variant", "models", "device", "size", "latency")


def attack_names(text: str) -> tuple[str, ...]:
    """Parses names of attacks with commas between them."""
    names = tuple(text.split(","))
    if not set(names) <= ATTACKS.keys():
        raise ValueError(f"names with commas between them, of {', '.join(ATTACKS)}")
    return names


OPTIONS = (
    Option("attack", "NAMES", "attacks, with commas between them", attack_names, tuple(ATTACKS), unset="default: all"),
    Option("sessions", "N", "calls that are measured", Whole(1, 100), 3),
    Option("seconds", "S", "length of each phase", Number(3, 600), 10.0),
    Option("mbit", "MBIT", "the attacker's line, megabits a second", Number(0.1, 10_000), 100.0),
)


def add(measures: Any, common: argparse.ArgumentParser) -> None:
    parser = measures.add_parser(
        "attack",
        parents=[common],
        help="calls beside an attacker",
        description="Start a server, measure calls while another client attacks it, and say whether they noticed. "
        "Attacks: " + "; ".join(f"{name}: {attack.does}" for name, attack in ATTACKS.items()) + ".",
    )
    add_options(parser, OPTIONS)
    add_settings(parser, SETTINGS, LATENCY)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    options = read(args, OPTIONS)
    settings = settings_from(args)
    plan = measurement.AttackPlan(
        attacks=options.attack,
        sessions=options.sessions,
        seconds=options.seconds,
        mbit=options.mbit,
        latency=latency_from(settings),
        server=server_options(settings, latency_from(settings)),
    )
    claim, phases = measurement.run(plan, lambda line: print(line, file=sys.stderr, flush=True))
    figures = measurement.figures(plan, claim, phases)
    print(table(claim, phases))
    print(json.dumps(figures, separators=(",", ":")))
    return 0 if figures["held"] else 1
