"""The Dockerfile: linted, and what its images promise. test_image.py builds one and runs it."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from compose_file import DEPLOY

from api.conftest import FAKE
from livehead.settings import stages
from pages import ROOT
from serving import serving

DOCKERFILE = ROOT / "Dockerfile"
TARGETS = ("cuda", "cpu")


@cache
def instructions() -> tuple[tuple[str, str], ...]:
    """(instruction, the rest), with continued lines joined and comments left out."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return tuple((word, rest) for word, _, rest in (line.partition(" ") for line in joined.splitlines()))


def of(target: str) -> list[tuple[str, str]]:
    """What makes a target, from its base on."""
    begins = {
        rest.split()[2]: (number, rest.split()[0])
        for number, (word, rest) in enumerate(instructions())
        if word == "FROM"
    }
    number, base = begins[target]
    own = []
    for word, rest in instructions()[number + 1 :]:
        if word == "FROM":
            break
        own.append((word, rest))
    return (of(base) if base in begins else []) + own


def environment(target: str) -> dict[str, str]:
    given = {}
    for word, rest in of(target):
        if word == "ENV":
            given |= dict(re.findall(r"(\w+)=(\S+)", rest))
    return given


def test_it_is_linted() -> None:
    command = [Path(sys.executable).with_name("hadolint"), "--format", "json", DOCKERFILE]
    linted = subprocess.run(command, capture_output=True, text=True)
    assert (json.loads(linted.stdout), linted.returncode) == ([], 0)


def test_the_scripts_are_linted() -> None:
    scripts = [*sorted(DEPLOY.rglob("*.sh")), ROOT / ".ci/run"]
    command = [Path(sys.executable).with_name("shellcheck"), *scripts]
    linted = subprocess.run(command, capture_output=True, text=True)
    assert linted.returncode == 0, linted.stdout


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_runs_as_nobody_special_and_tells_how_it_is(target: str) -> None:
    given = of(target)
    assert [rest for word, rest in given if word == "USER"] == ["10001:10001"]
    assert given[-1][0] == "USER"
    assert "HEALTHCHECK" in [word for word, _ in given]
    assert ("ENTRYPOINT", '["livehead"]') in given
    assert ("CMD", '["serve"]') in given


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_writes_to_its_volumes_only(target: str) -> None:
    given = environment(target)
    written = {"LIVEHEAD_DATA_DIR", "LIVEHEAD_VENDOR_DIR", "XDG_CACHE_HOME"}
    written |= {"TRITON_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR"} if target == "cuda" else set()
    for name in written:
        assert given[name].startswith(("/var/lib/livehead/data", "/var/cache/livehead")), name
    assert given["LIVEHEAD_MODELS"] == "/models"
    settings = {f"LIVEHEAD_{field.upper()}" for stage in stages() for field in stage.model_fields}
    assert {name for name in given if name.startswith("LIVEHEAD_")} <= settings


def test_all_that_is_installed_has_a_hash() -> None:
    """What is fetched is in a lock; what is not, was built here or fetched with its hash."""
    commands = [each.strip() for word, rest in instructions() if word == "RUN" for each in re.split(r"&&|;", rest)]
    installed = [command.partition("pip install ")[2] for command in commands if "pip install" in command]
    assert len(installed) == 5
    for options in installed:
        assert options.startswith(("--require-hashes -r /", "--no-index --no-deps /"))


def test_what_is_copied_is_in_the_context() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [rest.split()[:-1] for word, rest in instructions() if word == "COPY" and not rest.startswith("--from")]
    for name in (name for names in copied for name in names):
        assert name in allowed
        assert (ROOT / name).exists()


async def test_the_health_check_asks_the_server() -> None:
    (check,) = [rest for word, rest in of("cpu") if word == "HEALTHCHECK"]
    command = json.loads(check.partition("CMD ")[2])[1:]

    async def healthy(port: str) -> bool:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, env={"LIVEHEAD_PORT": port}, stderr=asyncio.subprocess.DEVNULL
        )
        return await process.wait() == 0

    async with serving(FAKE, wait=False) as server:
        port = server.url.rpartition(":")[2]
        assert await healthy(port)
    assert not await healthy(port)
