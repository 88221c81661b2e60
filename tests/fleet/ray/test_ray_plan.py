"""What a fleet is to be, where it may run, and its folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import ray

from livehead.commands.fleet import given as given_settings
from livehead.errors import LiveheadError, UsageError
from livehead.fleet.ray import cluster
from livehead.fleet.ray.cluster import check_room, has_spare, joined, with_cards
from livehead.fleet.ray.folder import SharedFolder
from livehead.fleet.ray.plan import FleetPlan, adopt, read_plan
from livehead.fleet.ray.replica import share_ports
from livehead.fleet.replica import ReplicaError
from livehead.settings import load


def having(monkeypatch: pytest.MonkeyPatch, **resources: float) -> None:
    monkeypatch.setattr(ray, "cluster_resources", lambda: resources)


def test_a_plan_from_a_serve_config() -> None:
    plan = FleetPlan.model_validate({"replicas": "2-8", "settings": {"standby": False, "max_sessions": 4}})
    assert (plan.least, plan.most) == (2, 8)
    assert plan.settings == {"standby": "no", "max_sessions": "4"}
    assert (FleetPlan(replicas="3").least, FleetPlan(replicas="3").most) == (3, 3)


@pytest.mark.parametrize("given", [{"replicas": "8-2"}, {"replicas": "0"}, {"replica": 3}, {"gpus_per_replica": -1}])
def test_a_plan_that_is_none(given: dict[str, object]) -> None:
    with pytest.raises(UsageError) as raised:
        read_plan(**given)
    assert "\n" not in str(raised.value)


def test_secrets_are_not_shown() -> None:
    assert "very-secret" not in repr(FleetPlan(settings={"turn_secret": "very-secret"}))


def test_settings_that_were_given_go_to_every_replica(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIVEHEAD_TURN_URLS", '["turn:a"]')
    found = given_settings(load({"data_dir": "data", "port": 9000, "standby": "no", "max_sessions": 4}))
    assert found == {
        "data_dir": str(tmp_path / "data"),
        "standby": "no",
        "max_sessions": "4",
        "turn_urls": '["turn:a"]',
    }
    monkeypatch.setattr(os, "environ", {**os.environ, "LIVEHEAD_MAX_VIEWERS": "3"})
    del os.environ["LIVEHEAD_TURN_URLS"]
    settings = adopt(FleetPlan(settings=found))
    assert settings.media.turn_urls == ("turn:a",)
    assert settings.engine.standby is False
    assert settings.sessions.max_viewers == 3, "that of the machine"


def test_more_replicas_than_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    having(monkeypatch, GPU=2.0, CPU=16.0)
    check_room(FleetPlan(replicas="2", gpus_per_replica=1))
    check_room(FleetPlan(replicas="8", gpus_per_replica=0.25))
    with pytest.raises(LiveheadError, match=r"8 replicas with 1 card each need 8, and the cluster has 2: use --repl"):
        check_room(FleetPlan(replicas="8-10", gpus_per_replica=1))
    with pytest.raises(LiveheadError, match="need 17, and the cluster has 16"):
        check_room(FleetPlan(replicas="17", gpus_per_replica=0))
    having(monkeypatch, CPU=2.0)
    with pytest.raises(LiveheadError, match=r"the cluster has 0: use a smaller --gpus-per-replica, or add machines"):
        check_room(FleetPlan(replicas="1", gpus_per_replica=1))


def test_cards_are_taken_where_there_are_some(monkeypatch: pytest.MonkeyPatch) -> None:
    having(monkeypatch, GPU=2.0, CPU=16.0)
    assert with_cards(FleetPlan()).gpus_per_replica == 1
    assert with_cards(FleetPlan(settings={"engine": "preview"})).gpus_per_replica == 0
    assert with_cards(FleetPlan(gpus_per_replica=0.5)).gpus_per_replica == 0.5
    assert has_spare(FleetPlan(replicas="1", gpus_per_replica=1))
    assert not has_spare(FleetPlan(replicas="2", gpus_per_replica=1))
    having(monkeypatch, CPU=16.0)
    assert with_cards(FleetPlan()).gpus_per_replica == 0


@pytest.mark.parametrize("address", ["ray://127.0.0.1:1", "127.0.0.1:1", "ray://no-such-host.invalid:10001"])
def test_an_address_that_does_not_answer(address: str) -> None:
    with (
        pytest.raises(LiveheadError, match=r"No Ray cluster answers at .*`ray start --head`"),
        joined(address, FleetPlan()),
    ):
        pass
    assert not ray.is_initialized()


def test_an_address_that_is_none() -> None:
    with pytest.raises(LiveheadError, match="write auto, local, ray://"), joined("http://a", FleetPlan()):
        pass


def test_ray_has_a_place_for_each_replica(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster.os, "cpu_count", lambda: 2)
    assert cluster._cpus(FleetPlan(replicas="2-5")) == 7
    assert cluster._cpus(FleetPlan()) == 3


def test_replicas_of_a_machine_share_its_ports() -> None:
    ports = range(50_000, 50_100)
    assert [share_ports(ports, slot, 4) for slot in range(4)] == [
        "50000-50024",
        "50025-50049",
        "50050-50074",
        "50075-50099",
    ]
    with pytest.raises(ReplicaError, match="give a larger range"):
        share_ports(ports, 4, 4)
    with pytest.raises(ReplicaError, match="give a larger range"):
        share_ports(range(50_000, 50_003), 0, 4)


def test_a_folder_that_is_shared(tmp_path: Path) -> None:
    a, b = SharedFolder(tmp_path, "a"), SharedFolder(tmp_path, "b")
    a.join([], "10.0.0.1")
    b.join(["a"], "10.0.0.2")
    a.leave()
    a.leave()
    with pytest.raises(ReplicaError, match="replica a has left no mark"):
        SharedFolder(tmp_path, "c").join(["b", "a"], "10.0.0.3")
    assert [each.name for each in (tmp_path / ".fleet").iterdir()] == ["b"]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ReplicaError, match=r"cannot be written on 10\.0\.0\.1: Not a directory"):
        SharedFolder(tmp_path / "file", "a").join([], "10.0.0.1")
