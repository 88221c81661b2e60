"""The locks beside this file: what is installed into the images, and for a release, each file by its hash.

python deploy/supply/locks.py              # write them anew: the versions of constraints.txt, and their hashes
python deploy/supply/locks.py --upgrade    # and the newest of what constraints.txt does not pin

A lock has a line for each package, with the hashes of all files of its version: for every platform, and no address of
where they come from.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())

TOOLS = ("build", "cyclonedx-bom", "packaging", "pip", "pip-audit", "twine", "uv")

LOCKS: dict[str, tuple[str, ...]] = {
    "cpu": tuple(PROJECT["project"]["dependencies"]),
    "cuda": (
        *PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"]["flashhead"],
        "einops",  # which the wheel of FlashAttention needs, and no package of ours
    ),
    "build": tuple(PROJECT["build-system"]["requires"]),
    "tools": (*TOOLS, *PROJECT["build-system"]["requires"]),
}
"""What each is made for: the two images, the wheel, and the programs that release and check."""

IMAGE = {"sys_platform": "linux", "platform_machine": "x86_64", "platform_system": "Linux", "os_name": "posix"}
IMAGE |= {"python_version": "3.12", "python_full_version": "3.12.0", "implementation_name": "cpython"}
IMAGE |= {"platform_python_implementation": "CPython", "extra": ""}
"""Where the images run, as markers see it."""


@dataclass(frozen=True, slots=True)
class Locked:
    """One line: a package at one version, and the SHA-256 of its files."""

    name: str
    version: str
    hashes: tuple[str, ...]
    requirement: Requirement

    @property
    def in_image(self) -> bool:
        return self.requirement.marker is None or self.requirement.marker.evaluate(IMAGE)


def path_of(lock: str) -> Path:
    return FOLDER / f"{lock}.txt"


def read(lock: str) -> Iterator[Locked]:
    """Raises ValueError for a line that is no package at one version with its hashes."""
    text = re.sub(r"\s*\\\n\s*", " ", path_of(lock).read_text())
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        found = re.fullmatch(r"([^-].*?)((?: --hash=sha256:[0-9a-f]{64})+)", line)
        if found is None:
            raise ValueError(f"{path_of(lock).name}: {line} is no package with its hashes")
        requirement = Requirement(found[1])
        pinned = re.fullmatch(r"==([^*]+)", str(requirement.specifier))
        if pinned is None or requirement.url is not None:
            raise ValueError(f"{path_of(lock).name}: {line} is no package at one version")
        yield Locked(canonicalize_name(requirement.name), pinned[1], tuple(found[2].split()), requirement)


def write(lock: str, more: Sequence[str]) -> None:
    path = path_of(lock)
    command = [sys.executable, "-m", "uv", "pip", "compile", "-", "--output-file", path, "--no-config", "--quiet"]
    command += ["--constraint", ROOT / "constraints.txt", "--universal", "--python-version", "3.11"]
    command += ["--generate-hashes", "--no-annotate", "--no-header", "--no-emit-index-url", "--no-emit-find-links"]
    if lock == "tools":
        command += ["--constraint", path_of("build")]
    subprocess.run([*command, *more], input="\n".join(LOCKS[lock]), text=True, check=True, cwd=ROOT)
    path.write_text(f"# Written by deploy/supply/locks.py: make lock\n{path.read_text()}")


if __name__ == "__main__":
    for each in ("cpu", "cuda", "build", "tools"):
        write(each, sys.argv[1:])
        print(f"{path_of(each).relative_to(ROOT)}: {len(list(read(each)))} packages")
