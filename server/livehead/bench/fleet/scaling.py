"""How many replicas a simulated fleet has: the policy of ``livehead fleet``, and Serve's delays in following it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from livehead.fleet.ray.autoscaling import LOAD, PLACES, WarmRoom
from livehead.fleet.ray.plan import FleetPlan


@dataclass(frozen=True, slots=True)
class Seen:
    """What the policy asks Serve."""

    aggregated_metrics: Mapping[str, Mapping[str, float]]
    running_replicas: list[str]
    target_num_replicas: int


class Scaling:
    """``target`` is how many replicas there are to be. It changes once the policy has wanted more for
    ``upscale_seconds``, or fewer for ``downscale_seconds``, without a break, as in Ray Serve's ``_apply_delay_logic``.
    Where the plan has one number it stays."""

    def __init__(self, plan: FleetPlan) -> None:
        self.target = plan.least
        self._plan = plan
        self._policy = WarmRoom(plan.warm_room)
        self._since: float | None = None
        self._grows = False

    def look(self, loads: Mapping[str, float], places: Mapping[str, float], now: float) -> int:
        """The loads and places of replicas that run, by name. Returns the target."""
        plan = self._plan
        if plan.least == plan.most:
            return self.target
        seen = Seen({LOAD: loads, PLACES: places}, list(loads), self.target)
        asked, _ = self._policy(seen)
        wanted = min(max(asked, plan.least), plan.most)
        if wanted == self.target:
            self._since = None
            return self.target
        if self._since is None or self._grows != (wanted > self.target):
            self._since, self._grows = now, wanted > self.target
        if now - self._since >= (plan.upscale_seconds if self._grows else plan.downscale_seconds):
            self.target, self._since = wanted, None
        return self.target
