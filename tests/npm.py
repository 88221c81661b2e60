"""Packages of npm, unmodified and of exact versions, as one module for the pages of tests."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

CACHE = Path(__file__).parents[1] / "artifacts" / "npm"
ESBUILD = "0.28.2"


def bundle(packages: Mapping[str, str], source: str) -> str:
    """The JavaScript module ``source`` with all that it imports of ``packages`` (name → exact version). Installed once
    and kept beside the tests' other artifacts."""
    wanted = dict(packages) | {"esbuild": ESBUILD}
    manifest = json.dumps({"private": True, "dependencies": wanted}, sort_keys=True)
    folder = CACHE / hashlib.sha256(manifest.encode()).hexdigest()[:16]
    esbuild = folder / "node_modules" / ".bin" / "esbuild"
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "package.json").write_text(manifest)
        npm = shutil.which("npm")
        if npm is None:
            pytest.fail("npm is not installed (apt-get install npm)")
        _run(folder, npm, "install", "--no-package-lock", "--no-audit", "--no-fund", "--silent", "--ignore-scripts")
        (folder / "complete").touch()
    (folder / "entry.js").write_text(source)
    return _run(folder, esbuild, "entry.js", "--bundle", "--format=esm", "--log-level=warning")


def _run(folder: Path, *command: str | Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=170, check=False)
    if done.returncode:
        pytest.fail(f"{command[0]} failed: {(done.stdout + done.stderr).strip()[-800:]}")
    return done.stdout
