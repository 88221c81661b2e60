"""Packages of npm, unmodified and of exact versions: as one module for the pages of tests, or as a project's."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CLIENT = ROOT / "web" / "client"
CACHE = ROOT / "artifacts" / "npm"
ESBUILD = "0.28.2"
QUIET = ("--no-package-lock", "--no-audit", "--no-fund", "--silent", "--ignore-scripts")


def installed(packages: Mapping[str, str]) -> Path:
    """A folder with ``packages`` (name → exact version) in its node_modules. Installed once and kept beside the tests'
    other artifacts."""
    manifest = json.dumps({"private": True, "dependencies": dict(packages)}, sort_keys=True)
    folder = CACHE / hashlib.sha256(manifest.encode()).hexdigest()[:16]
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "package.json").write_text(manifest)
        run(folder, npm(), "install", *QUIET)
        (folder / "complete").touch()
    return folder


def bundle(packages: Mapping[str, str], source: str) -> str:
    """The JavaScript module ``source`` with all that it imports of ``packages`` (name → exact version)."""
    folder = installed(dict(packages) | {"esbuild": ESBUILD})
    (folder / "entry.js").write_text(source)
    return run(folder, "node_modules/.bin/esbuild", "entry.js", "--bundle", "--format=esm", "--log-level=warning")


def packed(folder: Path) -> Path:
    """The package of web/client, as ``npm pack`` makes it in ``folder``."""
    copy = shutil.copytree(CLIENT, folder / "checkout" / "web" / "client")
    shutil.copy(ROOT / "LICENSE", folder / "checkout")
    return folder / run(copy, npm(), "pack", "--silent", "--pack-destination", folder).strip()


def compiler() -> Path:
    """The TypeScript compiler of web/, installed where it is not there yet."""
    web = ROOT / "web"
    found = web / "node_modules" / "typescript" / "bin" / "tsc"
    if not found.exists():
        run(web, npm(), "install", *QUIET)
    return found


@dataclass
class Project:
    """A folder whose modules find a packed file, installed by npm, and below it the packages of ``installed``."""

    folder: Path
    tools: Path

    @classmethod
    def of(cls, tools: Path, name: str, package: Path) -> Project:
        """Modules are looked for in the folders above, too, so that only the packed file is installed here."""
        folder = tools / "projects" / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "package.json").write_text('{"private": true, "type": "module"}')
        run(folder, npm(), "install", *QUIET, package)
        return cls(folder, tools)

    @property
    def package(self) -> Path:
        return self.folder / "node_modules" / "livehead"

    def run(self, command: str, *arguments: str | Path) -> str:
        tool = self.tools / "node_modules" / ".bin" / command
        return run(self.folder, tool if tool.exists() else command, *arguments)


def run(folder: Path, *command: str | Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=170, check=False)
    if done.returncode:
        pytest.fail(f"{' '.join(map(str, command[:2]))} failed: {(done.stdout + done.stderr).strip()[-1200:]}")
    return done.stdout


def npm() -> str:
    found = shutil.which("npm")
    if found is None:
        pytest.fail("npm is not installed (apt-get install npm)")
    return found
