"""The whole fleet in the forms that one server has: /v1/info and /readyz. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from livehead.errors import UnavailableError
from livehead.fleet.directory import Replica
from livehead.fleet.placement import Placed, has_room, takes_sessions

_REASONS = ("full", "engine-down", "failed", "starting", "draining")
"""Why there is no room, what will pass soonest first."""


def fleet_info(info: Mapping[str, Any], replicas: Sequence[Replica]) -> dict[str, Any]:
    """``info`` is that of the replica that a new session would go to: engine and presets are its. The sessions are
    those of all replicas; what is draining has no room."""
    return {**info, "sessions": _sessions(replicas), "replicas": [_describe(each) for each in replicas]}


def readiness(replicas: Sequence[Replica], placed: Placed) -> UnavailableError | None:
    """None where a session that chooses no preset would find room, else why not; ``problem`` is the reason."""
    if any(has_room(each, placed, _default(each)) for each in replicas):
        return None
    reasons = Counter(_reason(each) for each in replicas)
    if not reasons:
        return UnavailableError("The fleet has no replica yet.", problem="starting", retry_after=5)
    reason = next((each for each in _REASONS if reasons[each]), "engine-down")
    counts = ", ".join(f"{count} {name}" for name, count in sorted(reasons.items()))
    return UnavailableError(
        f"None of the fleet's {len(replicas)} replicas takes a session now: {counts}.", problem=reason, retry_after=2
    )


def _reason(replica: Replica) -> str:
    if replica.state != "ready":
        return replica.state
    if replica.reading is None:
        return "silent"
    return replica.reading.refusal or "full"


def _default(replica: Replica) -> str:
    return "" if replica.reading is None else replica.reading.default_latency


def _describe(replica: Replica) -> dict[str, Any]:
    reading = replica.reading
    known: dict[str, Any] = {"name": replica.name, "state": replica.state, "answers": reading is not None}
    if reading is None:
        return known
    load = reading.load
    return known | {
        "refusal": reading.refusal,
        "active": reading.active,
        "max": reading.most,
        "load": None if load is None else round(load, 3),
    }


def _sessions(replicas: Sequence[Replica]) -> dict[str, Any]:
    there = [each for each in replicas if each.reading is not None]
    taking = [each.reading for each in there if takes_sessions(each) and each.reading is not None]
    most = [each.most for each in taking if each.most is not None]
    loads = [(each.load, each.most) for each in taking if each.load is not None and each.most]
    weight = sum(size for _, size in loads)
    presets = {name: None for each in taking for name in (each.info.get("sessions") or {}).get("by_preset") or {}}
    return {
        "active": sum(each.reading.active for each in there if each.reading is not None),
        "max": sum(most) if most else None,
        "load": round(sum(load * size for load, size in loads) / weight, 3) if weight else None,
        "by_preset": {name: _places(there, name) for name in presets},
        "auto": _places(there, "auto") if any(each.places("auto") for each in taking) else None,
    }


def _places(replicas: Sequence[Replica], latency: str) -> dict[str, int]:
    found: Counter[str] = Counter({"active": 0, "max": 0, "room": 0})
    for each in replicas:
        places = each.reading.places(latency) if each.reading is not None else None
        if places is not None:
            found["active"] += places["active"]
            if takes_sessions(each):
                found["max"] += places["max"]
                found["room"] += places["room"]
    return dict(found)
