"""The image `cpu`, built from the Dockerfile step by step by buildah, and run as deploy/ runs it: not as root, with a
read-only root. Its base is Debian with its own Python, in place of python:3.12-slim-bookworm. Needs root, debootstrap
and buildah; many minutes, and the network."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from programs import free_port, started

import livehead
from pages import ROOT

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3600)]

BASE = "localhost/livehead-test-base"
IMAGE = "localhost/livehead-test:cpu"
STORAGE = os.environ | {"STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot"}
USER = 10001
WRITABLE = ("var/lib/livehead/data", "var/cache/livehead", "models")

RUN = """
set -eu
root=$1 volumes=$2; shift 2
mount --bind "$root" "$root"
mount -o remount,ro,bind "$root"
mount -t tmpfs -o mode=1777 none "$root/tmp"
for name in var/lib/livehead/data var/cache/livehead models; do mount --bind "$volumes/$name" "$root/$name"; done
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
exec chroot --userspec=10001:10001 "$root" /usr/bin/env -i -C /var/lib/livehead "$@"
"""
"""What a container engine does, in a mount namespace: a read-only root, volumes, no environment but the image's."""


def do(*words: str | Path, **more: Any) -> str:
    done = subprocess.run(words, env=STORAGE, capture_output=True, text=True, **more)
    assert done.returncode == 0, f"{words}\n{done.stdout[-5000:]}{done.stderr[-5000:]}"
    return done.stdout.strip()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root = tmp_path_factory.mktemp("base") / "root"
    packages = "python3,python3-venv,python3-pip,ca-certificates"
    do("debootstrap", "--variant=minbase", f"--include={packages}", "bookworm", root)
    (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    container = do("buildah", "from", "scratch")
    do("buildah", "add", "--quiet", container, root, "/")
    do("buildah", "commit", "--quiet", "--rm", container, BASE)
    try:
        yield BASE
    finally:
        do("buildah", "rmi", "--force", BASE)


@pytest.fixture(scope="module")
def image(base: str) -> Iterator[dict[str, Any]]:
    """The image's configuration. Certificate authorities that this machine trusts are trusted in the build."""
    trusted = ("--volume", "/etc/ssl/certs:/etc/ssl/certs:ro")
    build = ("buildah", "bud", "--format", "docker", "--pull-never", "--build-arg", f"BASE={base}", *trusted)
    do(*build, "--target", "cpu", "--tag", IMAGE, ROOT)
    try:
        yield json.loads(do("buildah", "inspect", "--type", "image", IMAGE))["Docker"]["config"]
    finally:
        do("buildah", "rmi", "--force", IMAGE)


@dataclass
class Container:
    root: str
    volumes: Path
    config: dict[str, Any]

    def command(self, *words: str, **environment: str) -> list[str | Path]:
        given = [*self.config["Env"], *(f"{name}={value}" for name, value in environment.items())]
        inner = [*given, *(words or (*self.config["Entrypoint"], *self.config["Cmd"]))]
        return ["unshare", "--mount", "sh", "-c", RUN, "sh", self.root, self.volumes, *inner]


@pytest.fixture(scope="module")
def container(image: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    volumes = tmp_path_factory.mktemp("volumes")
    for name in WRITABLE:
        (volumes / name).mkdir(parents=True)
        os.chown(volumes / name, USER, USER)
    name = do("buildah", "from", "--pull-never", IMAGE)
    try:
        yield Container(do("buildah", "mount", name), volumes, image)
    finally:
        do("buildah", "umount", name)
        do("buildah", "rm", name)


def test_it_promises_what_the_dockerfile_says(image: dict[str, Any]) -> None:
    assert image["User"] == f"{USER}:{USER}"
    assert (image["Entrypoint"], image["Cmd"]) == (["livehead"], ["serve"])
    assert image["Healthcheck"]["Test"][0] == "CMD"
    assert "8080/tcp" in image["ExposedPorts"]


def test_nothing_else_of_the_checkout_is_in_it(container: Container) -> None:
    root = Path(container.root)
    assert not (root / "src").exists()
    (package,) = (root / "opt/livehead/lib").glob("python*/site-packages/livehead")
    assert (package / "web/client/index.js").exists()
    assert [path for path in root.rglob("*") if path.name in (".env", ".git", "keys", "test_image.py")] == []


def test_it_serves_and_is_healthy_with_a_read_only_root(container: Container, tmp_path: Path) -> None:
    key = do(*container.command("livehead", "keys", "new", "me")).splitlines()[-1]
    assert key.startswith("lh_")
    port = str(free_port())
    command = container.command(LIVEHEAD_PORT=port, LIVEHEAD_HOST="127.0.0.1")
    with started(command, tmp_path / "server.log", {}, lambda said: "timed in " in said):
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            assert client.get("/readyz").json() == {"ready": True}
            assert "<live-head" in client.get("/").text
            assert client.get("/v1/info").status_code == 401
            info = client.get("/v1/info", headers={"Authorization": f"Bearer {key}"}).json()
            assert (info["version"], info["engine"]["name"]) == (livehead.__version__, "preview")
        healthy = container.command(*container.config["Healthcheck"]["Test"][1:], LIVEHEAD_PORT=port)
        do(*healthy)
    assert subprocess.run(healthy, capture_output=True).returncode == 1


def test_doctor_finds_what_it_needs_in_it(container: Container) -> None:
    said = do(*container.command("livehead", "doctor", LIVEHEAD_PORT="0", LIVEHEAD_HOST="127.0.0.1"))
    for name in ("packages", "disk", "codecs", "portraits"):
        assert f"\nok    {name}" in said, said


def test_speech_of_its_own_is_there(container: Container) -> None:
    assert "eSpeak NG" in do(*container.command("espeak-ng", "--version"))
