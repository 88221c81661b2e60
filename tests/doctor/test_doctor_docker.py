"""Docker as people have it: from snap, without rights, without the container toolkit, or not at all."""

from __future__ import annotations

import json
from typing import Any

import pytest

from doctor.fake_environment import FakeEnvironment
from livehead.doctor.docker import CONFIGURE, NO_DRIVER, check_docker, check_docker_asked
from livehead.doctor.environment import Outcome
from livehead.settings import load

DOCKER = {"docker": "/usr/bin/docker"}
TOOLKIT = {**DOCKER, "nvidia-ctk": "/usr/bin/nvidia-ctk"}
KNOWN = Outcome(0, "nvidia-container-toolkit:\n  Installed: (none)\n  Candidate: 1.17.8-1\n")
UNKNOWN = Outcome(0, "")


def info(*runtimes: str, root: str = "/var/lib/docker") -> Outcome:
    said = {"ServerVersion": "28.1.1", "DockerRootDir": root, "Runtimes": {name: {} for name in ("runc", *runtimes)}}
    return Outcome(0, json.dumps(said) + "\n")


def docker(of: Outcome, **more: Outcome) -> dict[str, Outcome]:
    return {"docker info": of, **{name.replace("_", " "): said for name, said in more.items()}}


@pytest.mark.parametrize(
    ("given", "states", "words"),
    [
        ({"programs": DOCKER, "commands": docker(info())}, {"docker": "ok"}, "28.1.1"),
        (
            {"programs": {"docker": "/snap/bin/docker"}, "commands": docker(info())},
            {"docker": "warn"},
            "sudo snap remove docker",
        ),
        (
            {"programs": DOCKER, "commands": docker(info(root="/var/snap/docker/common/var-lib-docker"))},
            {"docker": "warn"},
            "installed from snap",
        ),
        (
            {"programs": DOCKER, "commands": docker(Outcome(1, "permission denied while trying to connect"))},
            {"docker": "warn"},
            "usermod -aG docker",
        ),
        (
            {"programs": DOCKER, "commands": docker(Outcome(1, '{"ServerErrors":["x"]}\nIs the daemon running?'))},
            {"docker": "warn"},
            "sudo systemctl start docker",
        ),
        ({"programs": DOCKER, "commands": {}}, {"docker": "warn"}, "does not answer"),
        (
            {"programs": DOCKER, "cards": 1, "commands": docker(info(), apt_cache=KNOWN) | {"apt-cache": KNOWN}},
            {"docker": "ok", "container toolkit": "warn"},
            "sudo apt-get install -y nvidia-container-toolkit",
        ),
        (
            {"programs": DOCKER, "cards": 1, "commands": docker(info()) | {"apt-cache": UNKNOWN}},
            {"docker": "ok", "nvidia repository": "warn", "container toolkit": "warn"},
            "Unable to locate package nvidia-container-toolkit",
        ),
        (
            {"programs": DOCKER, "cards": 1, "commands": docker(info())},
            {"docker": "ok", "container toolkit": "warn"},
            "Install it as on https://docs.nvidia.com/",
        ),
        (
            {"programs": TOOLKIT, "devices": 1, "commands": docker(info())},
            {"docker": "ok", "container toolkit": "warn"},
            f"{NO_DRIVER} {CONFIGURE}",
        ),
        (
            {"programs": TOOLKIT, "devices": 1, "commands": docker(info("nvidia"))},
            {"docker": "ok", "container toolkit": "ok"},
            "known to docker",
        ),
    ],
)
def test_docker(given: dict[str, Any], states: dict[str, str], words: str) -> None:
    found = list(check_docker(load({}), FakeEnvironment(**given)))
    assert {each.name: each.state for each in found} == states
    assert words in " ".join(f"{each.detail} {each.cure}" for each in found)
    assert all(each.cure and "\n" not in each.cure for each in found if each.state != "ok")


def test_who_has_no_docker_hears_nothing_of_it_unless_asking() -> None:
    assert not list(check_docker(load({}), FakeEnvironment()))
    (found,) = check_docker_asked(load({}), FakeEnvironment())
    assert "not the snap" in found.cure


def test_in_a_container_nothing_is_said_of_its_host() -> None:
    inside = FakeEnvironment(programs=DOCKER, files={"/.dockerenv": ""}, commands=docker(info()))
    assert not list(check_docker(load({}), inside))
    (found,) = check_docker_asked(load({}), inside)
    assert "on the host" in found.cure


@pytest.mark.parametrize(
    ("commands", "state", "words"),
    [
        (
            {"docker images": Outcome(0, "debian:12\nlivehead:cuda\n"), "docker run": Outcome(0, "GPU 0: Some Card\n")},
            "ok",
            "livehead:cuda sees GPU 0: Some Card",
        ),
        (
            {
                "docker images": Outcome(0, "nvidia/cuda:12.4.1-base-ubuntu22.04\n"),
                "docker run": Outcome(125, f"docker: Error response from daemon: {NO_DRIVER}.\n"),
            },
            "warn",
            CONFIGURE,
        ),
        (
            {
                "docker images": Outcome(0, "livehead:cuda\n"),
                "docker run": Outcome(127, "nvidia-container-cli: initialization error: nvml error\n"),
            },
            "warn",
            "nvml error",
        ),
        ({"docker images": Outcome(0, "livehead:cuda\n"), "docker run": Outcome(None)}, "warn", "no answer"),
        ({"docker images": Outcome(0, "debian:12\n")}, "ok", "docker run --rm --gpus all nvidia/cuda"),
    ],
)
def test_a_container_looks_for_the_card_where_somebody_asks(
    commands: dict[str, Outcome], state: str, words: str
) -> None:
    environment = FakeEnvironment(programs=TOOLKIT, commands={"docker info": info("nvidia"), **commands})
    found = list(check_docker_asked(load({}), environment))[-1]
    assert (found.name, found.state) == ("container GPU", state)
    assert words in f"{found.detail} {found.cure}"
    assert not any("pull" in line and "--pull=never" not in line for line in environment.ran)
