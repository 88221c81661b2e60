"""The fleet as a Serve application: ``import_path: livehead.fleet.ray.application:build`` in a Serve config."""

from __future__ import annotations

import math
from typing import Any

from ray import serve
from ray.serve import Application
from ray.serve.config import AutoscalingConfig, AutoscalingPolicy
from ray.serve.schema import LoggingConfig

from livehead.fleet.ray.autoscaling import LOOK_BACK_S, WarmRoom
from livehead.fleet.ray.ingress import ServedIngress
from livehead.fleet.ray.plan import DRAIN_S, FleetPlan
from livehead.fleet.ray.replica import ServedReplica

HEALTH_S = 1.0
"""How often Serve asks a replica whether it is well; after three bad answers it is replaced."""

STUCK_S = 30.0
"""How long an actor may take to answer that."""

SOCKETS = 10_000
"""Requests and sockets that an ingress holds at once."""

LOGGING = LoggingConfig(log_level="WARNING", enable_access_log=False)


def build(args: dict[str, Any]) -> Application:
    """What a Serve config names; ``args`` are those of a :class:`FleetPlan`. Raises pydantic's ValidationError."""
    return build_application(FleetPlan.model_validate(args))


def build_application(plan: FleetPlan) -> Application:
    """The deployments of a fleet. A replica that Serve stops, because there are too many or another version takes over,
    has all the time that its sessions take."""
    replica = serve.deployment(
        name="Replica",
        ray_actor_options={"num_gpus": plan.gpus_per_replica or 0.0, "num_cpus": plan.cpus_per_replica},
        health_check_period_s=HEALTH_S,
        health_check_timeout_s=STUCK_S,
        graceful_shutdown_timeout_s=DRAIN_S,
        graceful_shutdown_wait_loop_s=0.1,
        max_surge_percent=_surge(plan),
        logging_config=LOGGING,
        **_number(plan),
    )(ServedReplica)
    ingress = serve.deployment(
        name="Ingress",
        num_replicas=plan.ingresses,
        ray_actor_options={"num_cpus": 0},
        max_ongoing_requests=SOCKETS,
        health_check_period_s=HEALTH_S,
        health_check_timeout_s=STUCK_S,
        graceful_shutdown_timeout_s=DRAIN_S,
        graceful_shutdown_wait_loop_s=0.1,
        max_surge_percent=100,
        logging_config=LOGGING,
    )(ServedIngress)
    return ingress.bind(plan, replica.bind(plan))


def _number(plan: FleetPlan) -> dict[str, Any]:
    if plan.least == plan.most:
        return {"num_replicas": plan.least}
    return {
        "autoscaling_config": AutoscalingConfig(
            min_replicas=plan.least,
            initial_replicas=plan.least,
            max_replicas=plan.most,
            look_back_period_s=LOOK_BACK_S,
            aggregation_function="max",
            upscale_delay_s=plan.upscale_seconds,
            downscale_delay_s=plan.downscale_seconds,
            policy=AutoscalingPolicy(policy_function=WarmRoom, policy_kwargs={"warm_room": plan.warm_room}),
        )
    }


def _surge(plan: FleetPlan) -> int:
    """One replica more than there are, in per cent, while another version takes over: it is ready before an old one
    drains. None where there is no card for it."""
    return math.ceil(100 / plan.most) if plan.surge else 0
