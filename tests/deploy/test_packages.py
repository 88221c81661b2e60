"""The sdist and the wheel, built as a release builds them, work outside the checkout. Minutes, and the network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import httpx
import pytest
from programs import started

import livehead
from pages import ROOT

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]

TOOLS = ("build==1.6.1", "twine==7.0.0")
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("LIVEHEAD_", "PYTHON"))}


def run(*words: str | Path, cwd: Path) -> str:
    done = subprocess.run(words, cwd=cwd, env=CLEAN, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What git tracks, and nothing else."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in run("git", "ls-files", "-z", cwd=ROOT).split("\0")[:-1]:
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name, follow_symlinks=False)
    return folder


@pytest.fixture(scope="module")
def dist(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel is built from the sdist."""
    tools = tmp_path_factory.mktemp("tools")
    run(sys.executable, "-m", "venv", tools, cwd=tools)
    run(tools / "bin/pip", "install", "--quiet", *TOOLS, cwd=tools)
    run(tools / "bin/python", "-m", "build", cwd=checkout)
    folder = checkout / "dist"
    run(tools / "bin/twine", "check", "--strict", *folder.iterdir(), cwd=checkout)
    return folder


@pytest.fixture(scope="module")
def installed(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the commands of a virtual environment with the wheel."""
    folder = tmp_path_factory.mktemp("installed")
    run(sys.executable, "-m", "venv", folder, cwd=folder)
    (wheel,) = dist.glob("*.whl")
    run(folder / "bin/pip", "install", "--quiet", "-c", ROOT / "constraints.txt", wheel, cwd=folder)
    return folder / "bin"


def test_the_wheel_holds_the_package_and_the_page(dist: Path) -> None:
    (wheel,) = dist.glob("*.whl")
    assert wheel.name == f"livehead-{livehead.__version__}-py3-none-any.whl"
    names = zipfile.ZipFile(wheel).namelist()
    assert {"livehead/web/client/index.js", "livehead/web/demo/index.html", "livehead/vendor/sources.toml"} <= set(
        names
    )
    assert {name.partition("/")[0] for name in names} == {"livehead", f"livehead-{livehead.__version__}.dist-info"}
    assert [name for name in names if "node_modules" in name or "__pycache__" in name] == []


def test_the_sdist_holds_what_is_needed_to_test_it(dist: Path) -> None:
    (sdist,) = dist.glob("*.tar.gz")
    root = f"livehead-{livehead.__version__}"
    with tarfile.open(sdist) as archive:
        names = set(archive.getnames())
    assert {f"{root}/{name}" for name in ("LICENSE", "Makefile", "constraints.txt", "tests/conftest.py")} <= names
    assert {f"{root}/{name}" for name in ("Dockerfile", "deploy/compose.yaml", "web/client/index.js")} <= names


def test_the_installed_server_serves(installed: Path, tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    command = [installed / "livehead", "serve", "--engine", "preview", "--port", "0", "--no-standby"]

    def url(said: str) -> str:
        return next(line.split()[-1] for line in said.splitlines() if line.startswith("Livehead is at "))

    with started(command, log, {}, lambda said: "timed in " in said), httpx.Client(timeout=60) as client:
        client.base_url = httpx.URL(url(log.read_text()))
        assert client.get("/readyz").json() == {"ready": True}
        assert "<live-head" in client.get("/").text
        assert client.get("/client/index.js").headers["content-type"].startswith("text/javascript")
        assert client.get("/v1/info").json()["version"] == livehead.__version__
        assert "default" in [each["id"] for each in client.get("/v1/avatars").json()]


def test_the_installed_doctor_examines(installed: Path, tmp_path: Path) -> None:
    said = run(installed / "livehead", "doctor", "--port", "0", cwd=tmp_path)
    assert "ok    packages" in said
    assert f"{livehead.__version__}" in run(
        installed / "python", "-c", "import livehead; print(livehead.__version__)", cwd=tmp_path
    )


def test_the_installed_render_makes_a_film(installed: Path, tmp_path: Path) -> None:
    audio = ROOT / "tests/data/speech.flac"
    run(installed / "livehead", "render", "--portrait", "amara", "--audio", audio, "--out", "film.mp4", cwd=tmp_path)
    assert (tmp_path / "film.mp4").stat().st_size > 100_000
