"""Docker, and whether a container would see the card. Only where docker is installed, or somebody asks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from livehead.doctor.environment import Environment, Outcome
from livehead.doctor.finding import Finding, ok, warn
from livehead.settings import Settings

GUIDE = "https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/install-guide.html"
NO_DRIVER = 'could not select device driver "" with capabilities: [[gpu]]'
CONFIGURE = "sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker"
IMAGE = "nvidia/cuda:12.4.1-base-ubuntu22.04"
TRY = f"docker run --rm --gpus all {IMAGE} nvidia-smi"

INSTALL_DOCKER = "Install Docker CE from Docker's apt repository: https://docs.docker.com/engine/install/ubuntu/"


def check_docker(settings: Settings, environment: Environment) -> Iterator[Finding]:
    """Quiet where there is no docker, and in a container."""
    if environment.find("docker") is not None and not environment.in_container():
        yield from _docker(environment, asked=False)


def check_docker_asked(settings: Settings, environment: Environment) -> Iterator[Finding]:
    """The same where somebody asked, with a container that looks for the card."""
    if environment.in_container():
        yield warn(
            "docker", "this is a container; its host cannot be seen from here", "Run livehead doctor on the host."
        )
    elif environment.find("docker") is None:
        yield warn("docker", "docker is not installed", f"{INSTALL_DOCKER}; not the snap, which does not reach GPUs.")
    else:
        yield from _docker(environment, asked=True)


def _docker(environment: Environment, *, asked: bool) -> Iterator[Finding]:
    info, silent = _info(environment)
    if _from_snap(environment, info):
        cure = f"sudo snap remove docker. {INSTALL_DOCKER}"
        yield warn("docker", "docker is installed from snap, whose confinement keeps GPUs from containers", cure)
    elif silent is not None:
        yield silent
    else:
        yield ok("docker", f"{info.get('ServerVersion', '?')}, files in {info.get('DockerRootDir', '?')}")
    if not asked and not environment.cuda_devices() and not environment.nvidia_cards():
        return
    toolkit = environment.find("nvidia-ctk") or environment.find("nvidia-container-runtime")
    if toolkit is None:
        yield from _no_toolkit(environment)
        return
    if info and "nvidia" not in info.get("Runtimes", {}):
        yield warn("container toolkit", f"docker does not know it, and would say: {NO_DRIVER}", CONFIGURE)
        return
    yield ok("container toolkit", f"{toolkit}{', known to docker' if info else ''}")
    if asked and info:
        yield _tried(environment)


def _info(environment: Environment) -> tuple[dict[str, Any], Finding | None]:
    """What the daemon says; and what is wrong where it says nothing."""
    said = environment.run("docker", "info", "--format", "{{json .}}")
    info: dict[str, Any] = {}
    for line in said.output.splitlines():  # warnings may stand before it
        try:
            found = json.loads(line)
        except ValueError:
            continue
        info = found if isinstance(found, dict) and found.get("ServerVersion") else info
    if info:
        return info, None
    if "permission denied" in said.output.lower():
        cure = "sudo usermod -aG docker $USER, then log in again; or run this with sudo."
        return {}, warn("docker", "you may not speak to docker's daemon", cure)
    cure = "sudo systemctl start docker; see journalctl --unit docker."
    return {}, warn("docker", "its daemon does not answer" + (f" ({said.last})" if said.last[:1] != "{" else ""), cure)


def _from_snap(environment: Environment, info: dict[str, Any]) -> bool:
    path = environment.find("docker") or ""
    return path.startswith("/snap/") or "/var/snap/" in str(info.get("DockerRootDir", ""))


def _no_toolkit(environment: Environment) -> Iterator[Finding]:
    said = environment.run("apt-cache", "policy", "nvidia-container-toolkit")
    known = "Candidate:" in said.output and "Candidate: (none)" not in said.output
    install = "sudo apt-get install -y nvidia-container-toolkit"
    if said.status == 0 and not known:
        yield warn(
            "nvidia repository",
            "apt does not know NVIDIA's repository, and would say: Unable to locate package nvidia-container-toolkit",
            f"Add it as on {GUIDE}, then sudo apt-get update.",
        )
    elif said.status != 0:
        install = f"Install it as on {GUIDE}"
    yield warn(
        "container toolkit", f"it is not installed, and docker would say: {NO_DRIVER}", f"{install}; {CONFIGURE}"
    )


def _tried(environment: Environment) -> Finding:
    """A container that looks for the card, of an image that is here: none is pulled."""
    images = environment.run("docker", "images", "--format", "{{.Repository}}:{{.Tag}}").output.split()
    image = next((each for each in images if each.startswith(("nvidia/cuda:", "livehead:"))), None)
    if image is None:
        return ok("container GPU", f"not tried, as no image is here that could; try it with: {TRY}")
    words = ("docker", "run", "--rm", "--pull=never", "--gpus=all", "--entrypoint=nvidia-smi", image, "-L")
    return _read(environment.run(*words, seconds=60.0), image)


def _read(said: Outcome, image: str) -> Finding:
    if said.status == 0:
        return ok("container GPU", f"{image} sees {said.output.strip().splitlines()[0]}")
    if "could not select device driver" in said.output:
        return warn("container GPU", f"docker says: {NO_DRIVER}", CONFIGURE)
    if "nvidia-container-cli" in said.output:
        cure = "Check nvidia-smi on the host; after an update of the driver, restart the machine."
        return warn("container GPU", f"the container toolkit fails: {said.last}", cure)
    return warn("container GPU", f"{image} does not see the card: {said.last or 'no answer'}", f"Try: {TRY}")
