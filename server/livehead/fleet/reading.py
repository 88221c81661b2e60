"""What a replica last said about itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Reading:
    """``refusal`` is the reason of /readyz, None where that was 200. ``info`` is the answer of /v1/info, empty where
    the replica does not tell it to the ingress."""

    refusal: str | None = None
    info: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def active(self) -> int:
        """Sessions that it holds."""
        return int(self._sessions.get("active") or 0)

    @property
    def most(self) -> int | None:
        """Sessions that it can hold, at the preset that takes least; None while that is not known."""
        return self._sessions.get("max")

    @property
    def load(self) -> float | None:
        """The share of its engine that is given away; 1 is full, None while that is not known."""
        return self._sessions.get("load")

    def room(self, latency: str) -> int | None:
        """How many more sessions of that latency, a preset or ``auto``, fit; None where it does not say."""
        places = self._sessions.get("auto") if latency == "auto" else self._sessions.get("by_preset", {}).get(latency)
        return None if places is None else places.get("room")

    @property
    def _sessions(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.info.get("sessions", {})
        return found
