"""deploy/README.md: its commands are run where they can be, and what it quotes is what the programs say."""

from __future__ import annotations

import ast
import asyncio
import os
import re
import shlex
import shutil
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from compose_file import DEPLOY, services
from dotenv import dotenv_values

from deploy.conftest import Site
from livehead import logs
from livehead.cli import main
from pages import ROOT

PAGE = (DEPLOY / "README.md").read_text()
BLOCKS = [block.splitlines() for block in re.findall(r"^```sh\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)]
COMMANDS = [command for block in BLOCKS for command in block]

NOT_HERE = {
    "nvidia-smi": "no card",
    "sudo apt-get install --yes git python3-venv": "changes the machine",
    "git clone https://github.com/OWNER/livehead && cd livehead": "the place is the reader's",
    "python3 -m venv .venv && .venv/bin/pip install --quiet -c constraints.txt .": "test_packages.py does",
    "curl -fsSL https://nvidia.github.io/libnvidia-container/gpgkey | sudo gpg --dearmor -o "
    "/usr/share/keyrings/nvidia-container-toolkit-keyring.gpg": "changes the machine",
    "curl -fsSL https://nvidia.github.io/libnvidia-container/stable/deb/nvidia-container-toolkit.list | sed 's#deb "
    "https://#deb [signed-by=/usr/share/keyrings/nvidia-container-toolkit-keyring.gpg] https://#g' | sudo tee "
    "/etc/apt/sources.list.d/nvidia-container-toolkit.list": "changes the machine",
    "sudo apt-get update && sudo apt-get install --yes nvidia-container-toolkit": "changes the machine",
    "sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker": "no docker",
    "docker run --rm --gpus all nvidia/cuda:12.4.1-base-ubuntu22.04 nvidia-smi": "no docker, no card",
    "docker compose build livehead": "no docker; test_image.py builds the image cpu",
    "docker compose run --rm livehead models download lite": "8.2 GB; tests/models downloads small ones",
    "docker compose up --detach": "no docker",
    "docker compose logs --follow livehead": "no docker",
    "git pull && docker compose build livehead && docker compose up --detach": "no docker",
    "docker compose kill --signal HUP livehead": "no docker; tests/commands/test_keys_command.py sends HUP",
    "sudo useradd --system --create-home --home-dir /var/lib/livehead livehead": "changes the machine",
    "sudo python3 -m venv /opt/livehead": "changes the machine",
    "sudo /opt/livehead/bin/pip install --quiet -c constraints.txt '.[flashhead]'": "gigabytes, with CUDA",
    "sudo systemctl daemon-reload && sudo systemctl enable --now livehead": "changes the machine",
}
"""Commands that no test runs, and why."""

PROGRAMS = {"cd", "cp", "sed", "curl"}


def test_every_command_is_run_or_it_is_said_why_not() -> None:
    assert NOT_HERE.keys() - set(COMMANDS) == set()
    tried = [command for command in COMMANDS if command not in NOT_HERE]
    assert {command.split()[0] for command in tried} == {
        ".venv/bin/livehead",
        "cd",
        "cp",
        "sed",
        "docker",
        "curl",
        "sudo",
    }


def here(command: str, folder: Path) -> str:
    """The same without the container, without sudo, and with ``folder`` in place of the machine's root."""
    command = command.replace("docker compose run --rm livehead ", "livehead ")
    command = re.sub(r"^(sudo -u livehead |sudo )", "", command)
    command = re.sub(r"(?<= )(/etc|/var/lib)/", rf"{folder}\1/", command)
    return re.sub(r"^\S*/bin/livehead ", "livehead ", command)


async def run(command: str, folder: Path, **environment: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *("bash", "-euo", "pipefail", "-c", command),
        cwd=folder,
        env=os.environ | environment,
        stdout=PIPE,
        stderr=STDOUT,
    )
    said = (await process.communicate())[0].decode()
    assert process.returncode == 0, f"{command}\n{said}"
    return said


@pytest.fixture
def livehead(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[str], str]:
    """Runs a command of the page in this process, and returns what it says."""
    monkeypatch.chdir(checkout)
    monkeypatch.setenv("LIVEHEAD_PORT", "0")
    monkeypatch.setattr(logs, "configure", lambda **_: None)

    def run(command: str) -> str:
        program, *words = shlex.split(here(command, checkout))
        assert (program, main(words)) == ("livehead", 0)
        return capsys.readouterr().out

    return run


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    shutil.copytree(DEPLOY, tmp_path / "deploy")
    return tmp_path


async def test_the_settings_are_made_as_it_says(checkout: Path) -> None:
    (block,) = [block for block in BLOCKS if "cd deploy" in block]
    await run("\n".join(block), checkout, NAME="talk.example.org")
    made = checkout / "deploy/.env"
    assert made.stat().st_mode & 0o777 == 0o600
    given = {name: value or "" for name, value in dotenv_values(made).items()}
    assert given["LIVEHEAD_DOMAIN"] == "talk.example.org"
    assert len({given["TURN_SECRET"], given["TOKEN_SECRET"]}) == 2
    assert all(re.fullmatch("[0-9a-f]{64}", given[name]) for name in ("TURN_SECRET", "TOKEN_SECRET"))
    assert services(given)["livehead"]["environment"]["LIVEHEAD_TURN_SECRET"] == given["TURN_SECRET"]


def test_keys_are_made_and_listed_as_it_says(livehead: Callable[[str], str]) -> None:
    (new, listed) = [each for each in COMMANDS if "livehead keys" in each and "sudo" not in each]
    assert "lh_" in livehead(new)
    assert "me" in livehead(listed)


async def test_the_service_is_set_up_as_it_says(checkout: Path) -> None:
    for command in [command for command in COMMANDS if command.startswith("sudo install ")]:
        await run(here(command, checkout), checkout)
    assert (checkout / "etc/livehead/livehead.env").stat().st_mode & 0o777 == 0o600
    assert (checkout / "etc/systemd/system/livehead.service").read_text() == (DEPLOY / "livehead.service").read_text()


def test_the_service_has_keys_as_it_says(checkout: Path, livehead: Callable[[str], str]) -> None:
    (new,) = [command for command in COMMANDS if command.startswith("sudo -u livehead ")]
    (checkout / "var/lib/livehead").mkdir(parents=True)
    assert "lh_" in livehead(new)
    assert (checkout / "var/lib/livehead/data/keys").exists()


def test_doctor_runs_as_it_says(livehead: Callable[[str], str]) -> None:
    (command,) = [command for command in COMMANDS if command.endswith("livehead doctor")]
    states = {name: state for state, name in re.findall(r"^(\w+) +([\w ]+?)  ", livehead(command), flags=re.MULTILINE)}
    assert {states[name] for name in ("python", "packages", "codecs", "secure origin")} == {"ok"}
    assert set(states.values()) <= {"ok", "warn"}


@pytest.mark.asyncio(loop_scope="module")
async def test_the_server_is_asked_as_it_says(site: Site, tmp_path: Path) -> None:
    ready, page = [command for command in COMMANDS if "https://head.example.com" in command]
    trust = {"CURL_CA_BUNDLE": str(site.root)}
    assert await run(ready.replace("https://head.example.com", site.url), tmp_path, **trust) == '{"ready":true}'
    await run(page.replace("https://head.example.com", site.url), tmp_path, **trust)


def logged(module: str) -> Iterator[str]:
    """The forms of what a module logs or prints."""
    for node in ast.walk(ast.parse((ROOT / "server" / f"{module.replace('.', '/')}.py").read_text())):
        if isinstance(node, ast.Call) and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield re.sub(r"%[\d.]*[sdfg]", "\0", first.value)
            elif isinstance(first, ast.JoinedStr):
                yield "".join(str(each.value) if isinstance(each, ast.Constant) else "\0" for each in first.values)


LINES = [
    line
    for block in re.findall(r"^```log\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)
    for line in block.splitlines()
]


@pytest.mark.parametrize("line", LINES)
def test_lines_of_the_log_are_those_that_are_written(line: str) -> None:
    found = re.fullmatch(r"… I ([\w.]+): (?:session \S+: )?(.*)", line)
    module, message = found.groups() if found else ("livehead.commands.serve", line)
    forms = {re.escape(form).replace("\0", ".+") for form in logged(module)}
    assert any(re.fullmatch(form, message) for form in forms if form.strip(".+"))


def test_lines_of_doctor_are_those_that_it_has() -> None:
    source = "".join(file.read_text() for file in (ROOT / "server/livehead/doctor").rglob("*.py"))
    rows = re.findall(
        r"^\| .* \| (.*) \| .* \|$", PAGE.partition("## What failure")[2].partition("\n## ")[0], flags=re.MULTILINE
    )
    named = {name for cell in rows for name in re.findall(r"`([^`]+)`", cell)}
    assert len(named) > 8
    assert {name for name in named if f'"{name}"' not in source} == set()


def test_ports_are_those_of_the_settings() -> None:
    relay = dict(re.findall(r"^(\w+-port)=(\d+)$", (DEPLOY / "coturn/turnserver.conf").read_text(), flags=re.MULTILINE))
    media = (dotenv_values(DEPLOY / ".env.example")["UDP_PORTS"] or "").replace("-", "–")
    for line in (
        f"| {relay['listening-port']} UDP and TCP, {relay['min-port']}–{relay['max-port']} UDP | TURN",
        f"| {media} UDP | audio and video",
    ):
        assert line in PAGE
