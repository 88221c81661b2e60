"""What a replica last said about itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from livehead.core.latency_choice import AUTO


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
        most: int | None = self._sessions.get("max")
        return most

    @property
    def load(self) -> float | None:
        """The share of the replica that is given away; 1 is full, None while that is not known. Where its sessions are
        capped below what its engine can do, the share of the cap counts."""
        load: float | None = self._sessions.get("load")
        taken = self.active / self.most if self.most else None
        return max((each for each in (load, taken) if each is not None), default=None)

    @property
    def default_latency(self) -> str:
        """What a session has that chooses none."""
        return str(self.info.get("default_latency", AUTO))

    def places(self, latency: str) -> Mapping[str, int] | None:
        """``active``, ``max`` and ``room`` of sessions of that latency, a preset or ``auto``; None where it does not
        say."""
        by_preset: Mapping[str, Mapping[str, int]] = self._sessions.get("by_preset") or {}
        return self._sessions.get("auto") if latency == AUTO else by_preset.get(latency)

    def room(self, latency: str) -> int | None:
        """How many more sessions of that latency fit; None where it does not say."""
        places = self.places(latency)
        return None if places is None else places["room"]

    @property
    def _sessions(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.info.get("sessions") or {}
        return found
