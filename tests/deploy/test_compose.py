"""deploy/compose.yaml: it is a compose file, and what it passes on is what the server and its neighbours read."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from compose_file import COMPOSE, DEPLOY, Unset, example, services

from livehead.access.access import Access
from livehead.errors import UsageError
from livehead.settings import load, stages
from pages import ROOT

SERVERS = {"cpu": "livehead-cpu", "gpu": "livehead"}
PUBLIC = {"turn", "caddy"}
"""Services that others may reach; all else listens on this machine's own address."""


def settings_of(service: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in stages():
        for field in name.model_fields:
            monkeypatch.delenv(f"LIVEHEAD_{field.upper()}", raising=False)
    for name, value in service["environment"].items():
        monkeypatch.setenv(name, value)
    return load({})


def test_it_follows_the_compose_specification() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("profile", SERVERS)
def test_the_server_reads_what_it_is_given(profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    service = services(example(PUBLIC_ADDRESS="198.51.100.7"))[SERVERS[profile]]
    names = {f"LIVEHEAD_{field.upper()}" for stage in stages() for field in stage.model_fields}
    assert set(service["environment"]) - names == set()
    settings = settings_of(service, monkeypatch)
    assert settings.engine.engine == {"cpu": "preview", "gpu": "flashhead"}[profile]
    assert (settings.server.host, settings.server.trusted_proxies) == ("127.0.0.1", ("127.0.0.1",))
    assert settings.server.allowed_hosts == ("head.example.com",)
    assert settings.media.turn_urls[0] == "turn:head.example.com:3478?transport=udp"
    assert (settings.media.public_address, settings.media.udp_ports) == ("198.51.100.7", "50000-50199")
    assert settings.access.token_secret == "k" * 64
    with pytest.raises(UsageError, match="There is no key file"):
        Access(settings)
    assert service["profiles"] == [profile]


def test_what_is_left_empty_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(services(example(TOKEN_SECRET=""))["livehead"], monkeypatch)
    assert (settings.media.public_address, settings.access.token_secret, settings.store.portrait) == (None, None, None)


def test_the_portrait_has_its_former_name_too(monkeypatch: pytest.MonkeyPatch) -> None:
    former = example(S4_COND_IMAGE_PATH="/data/imgs/girl.png")
    service = services(former)["livehead"]
    assert settings_of(service, monkeypatch).store.portrait == "/data/imgs/girl.png"
    assert "./images:/data/imgs:ro" in service["volumes"]
    service = services(former | {"LIVEHEAD_PORTRAIT": "amara"})["livehead"]
    assert settings_of(service, monkeypatch).store.portrait == "amara"


def test_models_are_a_volume_or_a_folder_that_is_there() -> None:
    assert "models:/models" in services(example())["livehead"]["volumes"]
    folder = "../vendor/SoulX-FlashHead/models"
    assert f"{folder}:/models" in services(example(MODELS_DIR=folder))["livehead"]["volumes"]


@pytest.mark.parametrize("name", ["LIVEHEAD_DOMAIN", "TURN_SECRET", "GRAFANA_PASSWORD"])
def test_what_must_be_set_is_asked_for(name: str) -> None:
    with pytest.raises(Unset, match=f"{name}: set it in .env"):
        services(example(**{name: ""}))


def test_the_example_names_every_variable() -> None:
    used = set(re.findall(r"\$\{(\w+)", COMPOSE.read_text()))
    listed = set(re.findall(r"^(\w+)=", (DEPLOY / ".env.example").read_text(), flags=re.MULTILINE))
    assert used - listed == {"S4_COND_IMAGE_PATH"}
    assert listed - used == {"COMPOSE_PROFILES"}


def test_the_card_is_reserved_for_the_server() -> None:
    reserved = {
        name: service["deploy"]["resources"]["reservations"]["devices"]
        for name, service in services(example(GPU="1")).items()
        if "deploy" in service
    }
    assert reserved == {"livehead": [{"driver": "nvidia", "device_ids": ["1"], "capabilities": ["gpu"]}]}


@pytest.mark.parametrize("name", services(example()))
def test_a_service_can_do_no_more_than_it_must(name: str) -> None:
    service = services(example())[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("cap_add", []) == (["NET_BIND_SERVICE"] if name in PUBLIC else [])
    assert name in PUBLIC or "127.0.0.1" in str(service.get("environment")) + str(service.get("command"))


@pytest.mark.parametrize("name", services(example()))
def test_files_that_are_mounted_exist(name: str) -> None:
    mounted = {each.partition(":")[0] for each in services(example())[name].get("volumes", [])}
    files = {each for each in mounted if each.startswith("./")} - {"./images"}  # which are the operator's
    assert [each for each in files if not (DEPLOY / each).exists()] == []


def test_an_image_is_pinned_to_a_version() -> None:
    for service in services(example()).values():
        assert re.search(r":(v?\d+\.\d+|cpu$|cuda$)", service["image"]), service["image"]


def test_images_are_built_from_targets_that_there_are() -> None:
    stages = set(re.findall(r"^FROM \S+ AS (\S+)", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE))
    built = {service["build"]["target"] for service in services(example()).values() if "build" in service}
    assert built == {"cpu", "cuda"} <= stages


def test_secrets_of_an_operator_are_not_committed_or_built_in() -> None:
    for name in ("deploy/.env", "deploy/livehead.env", "deploy/images/face.png"):
        ignored = subprocess.run(["git", "check-ignore", "--quiet", name], cwd=ROOT)
        assert ignored.returncode == 0, name
    assert Path(ROOT / ".dockerignore").read_text().splitlines()[1] == "*"
