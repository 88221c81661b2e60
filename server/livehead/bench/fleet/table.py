"""The figures of a fleet's day as lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from livehead.bench.fleet.cost import formula

COLUMNS = (
    ("hour", 6),
    ("calls", 7),
    ("refused", 9),
    ("died", 6),
    ("cut", 5),
    ("lost", 6),
    ("at once", 9),
    ("replicas", 10),
    ("least room", 12),
    ("no room", 9),
    ("below warm", 12),
    ("wait p95 s", 12),
    ("replica-h", 11),
    ("call-h", 9),
)


def table(figures: Mapping[str, Any]) -> str:
    """Lines to be printed; the JSON follows them."""
    places = ", ".join(f"{count} at {name}" for name, count in figures["places"].items())
    lines = [
        f"A simulated day of {figures['replicas']} replicas, each with room for {places}; warm room "
        f"{figures['warm_room']}; ready {figures['start_s']:g} s after they are asked for; one dies in "
        f"{figures['mtbf_h']:g} hours; seed {figures['seed']}",
        "",
        _line([name for name, _ in COLUMNS]),
    ]
    lines += [_row(row) for row in [*figures["hours"], {"hour": "day", **figures["day"]}]]
    day, cost = figures["day"], figures["cost"]
    lines += ["", f"Waited for a place: {_said(day['wait_s'])}.", f"Looked for another one: {_said(day['gap_s'])}."]
    if cost["card_hours"] is not None:
        lines += [
            f"An hour of a call costs {formula(cost)}, with C for an hour of a card and G for a GB sent; "
            f"{cost['relayed']:.0%} go through TURN, which carries {cost['relay_peak_mbit']:g} Mbit/s at most."
        ]
    return "\n".join(lines)


def _row(row: Mapping[str, Any]) -> str:
    wait = row["wait_s"]
    return _line(
        [
            *(row[name] for name in ("hour", "calls", "refused", "failures", "cut", "lost", "most", "most_replicas")),
            row["least_room"],
            f"{row['room']['none']:.2%}",
            f"{row['room']['below_warm']:.2%}",
            "-" if wait is None else f"{wait['p95']:.2f}",
            f"{sum(row['replica_hours'].values()):.1f}",
            f"{row['call_hours']:.1f}",
        ]
    )


def _line(cells: list[object]) -> str:
    return "".join(f"{cell!s:>{width}}" for cell, (_, width) in zip(cells, COLUMNS, strict=True))


def _said(spread: Mapping[str, float] | None) -> str:
    return "nobody" if spread is None else "p50 {p50:g} s, p95 {p95:g} s, {max:g} s at most".format(**spread)
