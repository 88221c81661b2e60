"""What an hour of a call costs, of what there are prices for: cards and traffic."""

from __future__ import annotations

from typing import Any

from livehead.bench.fleet.plan import FleetDay
from livehead.bench.fleet.tally import Tally

GB_PER_KBIT_HOUR = 3600 * 1000 / 8 / 1e9
"""What one kbit/s adds up to in an hour, in GB (10^9 bytes)."""


def costs(plan: FleetDay, day: Tally) -> dict[str, Any]:
    """``card_hours`` and the GB that servers and relays send, each for one hour of a call. A relay sends on what comes
    either way, so a relayed call's traffic to the caller leaves two machines."""
    hours = day.talked / 3600
    cards = plan.cards * day.cards.total() / 3600
    return {
        "card_hours": round(cards / hours, 4) if hours else None,
        "server_gb": round(GB_PER_KBIT_HOUR * plan.down_kbit, 4),
        "relay_gb": round(GB_PER_KBIT_HOUR * plan.relayed * (plan.down_kbit + plan.up_kbit), 4),
        "relayed": plan.relayed,
        "relay_peak_mbit": round(day.most * plan.relayed * (plan.down_kbit + plan.up_kbit) / 1000, 1),
    }


def formula(cost: dict[str, Any]) -> str:
    """Of an hour of a call, in the unit of C, the price of a card for an hour, and G, that of a GB sent."""
    return f"{cost['card_hours']:.3f} * C + {cost['server_gb'] + cost['relay_gb']:.3f} * G"
