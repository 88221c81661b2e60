"""What the checks ask of the machine: commands, files, packages, devices, servers. A test gives them another one."""

from __future__ import annotations

import asyncio
import ctypes
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from livehead.cores import usable_cores
from livehead.engine.cuda_driver import cuda_devices, cuda_version
from livehead.engine.free_memory import free_gb
from livehead.errors import EngineError
from livehead.media.relay_probe import Address, Allocation, allocate, reflect
from livehead.vendor.interpreter import Interpreter, this_python

SURVEY = "livehead.engine.flashhead.runtime.survey"
SURVEY_S = 60.0
SERVER_S = 3.0
"""How long a STUN or TURN server may take."""

_NVIDIA = "0x10de"
_DISPLAY = "0x03"
_UNSYNCHRONISED = 5
"""TIME_ERROR of adjtimex(2)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of a command: its exit status, None where it is not installed or did not end in time, and what it wrote."""

    status: int | None
    output: str = ""

    @property
    def last(self) -> str:
        """The last line that it wrote."""
        return (self.output.strip().splitlines() or [""])[-1].strip()


class Environment:
    """This machine. Methods block, and raise nothing unless they say so."""

    def run(self, *command: str, seconds: float = 10.0) -> Outcome:
        """Standard output and error together, in English."""
        try:
            done = subprocess.run(
                command,
                env=os.environ | {"LC_ALL": "C.UTF-8"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=seconds,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return Outcome(None)
        return Outcome(done.returncode, done.stdout)

    def find(self, program: str) -> str | None:
        return shutil.which(program)

    def read(self, path: str | Path) -> str | None:
        """None where it is not there or cannot be read."""
        try:
            return Path(path).read_text(errors="replace")
        except OSError:
            return None

    def exists(self, path: str | Path) -> bool:
        return os.path.exists(path)

    def folders(self, path: Path) -> Sequence[str]:
        """The names of the folders in a folder."""
        try:
            return sorted(each.name for each in path.iterdir() if each.is_dir())
        except OSError:
            return ()

    def writable(self, path: Path) -> bool:
        """Whether files can be made in a folder, or in the nearest one above that is there."""
        return os.access(_nearest(path), os.W_OK | os.X_OK) and _nearest(path).is_dir()

    def disk_gb(self, path: Path) -> tuple[float, float]:
        """What is free of the disk that a folder is or will be on, and what it has."""
        usage = shutil.disk_usage(_nearest(path))
        return usage.free / 1e9, usage.total / 1e9

    def now(self) -> datetime:
        return datetime.now(UTC)

    def clock_synchronised(self) -> bool | None:
        """What the kernel says (adjtimex); None where it does not."""
        try:
            state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))  # struct timex, modes 0: read only
        except (OSError, AttributeError):
            return None
        return None if state < 0 else state != _UNSYNCHRONISED

    def cores(self) -> float:
        return usable_cores()

    def free_memory_gb(self) -> float:
        return free_gb(psutil.virtual_memory().available)

    def version(self, distribution: str) -> str | None:
        """Of an installed package."""
        try:
            return metadata.version(distribution)
        except metadata.PackageNotFoundError:
            return None

    def requirements(self) -> Sequence[str] | None:
        """Those that Livehead declares; None where it is not installed."""
        try:
            return metadata.requires("livehead") or ()
        except metadata.PackageNotFoundError:
            return None

    def has_module(self, name: str) -> bool:
        return importlib.util.find_spec(name) is not None

    def python(self) -> Interpreter:
        return this_python()

    def cuda_devices(self) -> int:
        return cuda_devices()

    def cuda_version(self) -> int | None:
        return cuda_version()

    def nvidia_cards(self) -> int:
        """How many are on the PCI bus, with or without a driver."""
        found = 0
        for device in Path("/sys/bus/pci/devices").glob("*"):
            vendor, kind = self.read(device / "vendor"), self.read(device / "class")
            found += (vendor or "").strip() == _NVIDIA and (kind or "").startswith(_DISPLAY)
        return found

    def in_container(self) -> bool:
        return self.exists("/.dockerenv") or self.exists("/run/.containerenv")

    def addresses(self) -> Sequence[str]:
        """The IP addresses of this machine's interfaces."""
        return [each.address.partition("%")[0] for all_ in psutil.net_if_addrs().values() for each in all_]

    def allocate(
        self, url: str, username: str, password: str, back_to: tuple[str | None, int] | None = None
    ) -> Allocation:
        """Raises what :func:`~livehead.media.relay_probe.allocate` does."""
        return asyncio.run(allocate(url, username, password, seconds=SERVER_S, back_to=back_to))

    def reflect(self, url: str) -> Address:
        """Raises what :func:`~livehead.media.relay_probe.reflect` does."""
        return asyncio.run(reflect(url, seconds=SERVER_S))

    def survey(self, device: str, seconds: float = SURVEY_S) -> dict[str, Any]:
        """What PyTorch says about ``device``. It is asked in a process of its own, with a time-out: a broken driver can
        hang or kill the process that asks. Raises EngineError with the last line of one that failed."""
        path = os.pathsep.join(each or os.getcwd() for each in sys.path)
        try:
            done = subprocess.run(
                [sys.executable, "-P", "-m", SURVEY, device],
                env=os.environ | {"PYTHONPATH": path},
                capture_output=True,
                stdin=subprocess.DEVNULL,
                text=True,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise EngineError(f"PyTorch did not answer within {seconds:.0f} s") from None
        lines = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
        if done.returncode != 0 or not lines:
            raise EngineError(f"PyTorch cannot be used: {lines[-1] if lines else f'it exited with {done.returncode}'}")
        found: dict[str, Any] = json.loads(lines[-1])
        return found


def _nearest(path: Path) -> Path:
    return next(each for each in (path, *path.absolute().parents) if each.exists())
