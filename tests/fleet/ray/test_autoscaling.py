"""How many replicas a load takes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ray import cloudpickle
from ray.serve.config import AutoscalingPolicy

from livehead.fleet.ray.application import build
from livehead.fleet.ray.autoscaling import LOAD, PLACES, WarmRoom, count_replicas


def asked(policy: Any, loads: dict[str, float], places: dict[str, float], running: list[str], target: int) -> int:
    context = SimpleNamespace(
        aggregated_metrics={LOAD: loads, PLACES: places}, running_replicas=running, target_num_replicas=target
    )
    number, state = policy(context)
    assert state == {}
    return int(number)


@pytest.mark.parametrize(
    ("loads", "places", "warm", "wanted"),
    [
        ([0.0], [10], 0, 1),
        ([0.99], [10], 0, 1),
        ([1.0, 1.0], [10, 10], 0, 3),
        ([0.0], [10], 1, 1),
        ([0.9], [10], 1, 1),
        ([1.0], [10], 1, 2),
        ([0.5, 0.5], [10, 10], 10, 2),
        ([0.8, 0.8], [10, 10], 4, 2),
        ([0.8, 0.8], [10, 10], 5, 3),
        ([1.2, 1.0], [4, 4], 2, 3),
    ],
)
def test_replicas_for_a_load(loads: list[float], places: list[float], warm: int, wanted: int) -> None:
    assert count_replicas(loads, places, warm) == wanted


@given(
    st.lists(st.tuples(st.floats(0, 1), st.integers(1, 50)), min_size=1, max_size=20),
    st.integers(0, 30),
)
def test_as_many_as_there_is_room_for(replicas: list[tuple[float, int]], warm: int) -> None:
    """Where all are alike, the replicas asked for hold the load and the warm room, and one fewer would not. No warm
    room is a hundredth of a place."""
    places = replicas[0][1]
    loads = [load for load, _ in replicas]
    found = count_replicas(loads, [places] * len(loads), warm)
    wanted = sum(loads) * places + max(warm, 0.01)
    assert found * places >= wanted - 1e-3
    assert (found - 1) * places < wanted + 1e-3


def test_a_figure_that_is_missing_takes_no_replica_away() -> None:
    policy = WarmRoom(1)
    assert asked(policy, {"a": 0.1}, {"a": 10}, ["a", "b"], 2) == 2
    assert asked(policy, {"a": 0.1, "b": 0.0}, {"a": 10, "b": 10}, ["a", "b"], 2) == 1
    assert asked(policy, {}, {}, ["a", "b"], 2) == 2
    assert asked(WarmRoom(20), {}, {}, ["a"], 1) == 1, "nor adds one"
    assert asked(policy, {"a": 1.0}, {"a": 4}, ["a", "b"], 1) == 2


def test_there_is_always_one() -> None:
    assert asked(WarmRoom(0), {"a": 0.0}, {"a": 10}, ["a"], 1) == 1


def test_serve_gets_the_policy_by_value() -> None:
    """The controller may run where Livehead is not installed."""
    made = AutoscalingPolicy(policy_function=WarmRoom, policy_kwargs={"warm_room": 3})
    assert b"livehead.fleet.ray.plan" not in made.get_serialized_policy_def()
    policy = cloudpickle.loads(made.get_serialized_policy_def())(**made.policy_kwargs)
    assert asked(policy, {"a": 1.0}, {"a": 3}, ["a"], 1) == 2


def test_an_application_scales_only_where_two_numbers_are_given() -> None:
    fixed = build({"replicas": 3})
    moving = build({"replicas": "2-8", "gpus_per_replica": 0.5, "warm_room": 4})
    replicas = [each._bound_deployment.init_args[1]._bound_deployment for each in (fixed, moving)]
    assert replicas[0].num_replicas == 3
    assert replicas[0]._deployment_config.autoscaling_config is None
    assert replicas[0]._deployment_config.max_surge_percent == 34
    config = replicas[1]._deployment_config.autoscaling_config
    assert (config.min_replicas, config.max_replicas) == (2, 8)
    assert replicas[1].ray_actor_options == {"num_gpus": 0.5, "num_cpus": 1.0}
