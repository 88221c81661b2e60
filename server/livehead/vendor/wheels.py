"""Wheels that are built for each combination of Python, torch, CUDA and C++ ABI, and the one that fits.

The names are those of the releases of Dao-AILab/flash-attention:
``flash_attn-2.8.3+cu12torch2.8cxx11abiTRUE-cp312-cp312-linux_x86_64.whl``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from livehead.errors import LiveheadError, UsageError
from livehead.vendor.interpreter import Interpreter

_NAME = re.compile(
    r"(?P<package>\w+)-(?P<version>[^+-]+)\+cu(?P<cuda>\d+)torch(?P<torch>\d+\.\d+)cxx11abi(?P<abi>TRUE|FALSE)"
    r"-(?P<python>cp\d+)-cp\d+-(?P<platform>\w+)\.whl"
)


class NoWheelError(LiveheadError):
    """None fits; the message says why."""


@dataclass(frozen=True, slots=True)
class Wheel:
    """``cuda`` is a major version, ``torch`` a minor one (2.8), ``python`` and ``platform`` as in the name."""

    url: str
    sha256: str
    name: str
    version: str
    cuda: str
    torch: str
    abi: bool
    python: str
    platform: str


def read_wheels(path: Path) -> tuple[Wheel, ...]:
    """One address a line, with ``#sha256=`` behind it; lines that begin with ``#`` are comments.

    Raises UsageError, naming the line.
    """
    try:
        lines = path.read_text().splitlines()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    return tuple(
        _read(line.strip(), f"{path}:{number}")
        for number, line in enumerate(lines, 1)
        if line.strip() and not line.startswith("#")
    )


def _read(line: str, place: str) -> Wheel:
    parts = urlsplit(line)
    name = unquote(parts.path.rpartition("/")[2])
    found = _NAME.fullmatch(name)
    sha256 = parts.fragment.removeprefix("sha256=")
    if found is None:
        raise UsageError(f"{place}: {name or line} is not the name of a wheel that says what it was built for")
    if not re.fullmatch("[0-9a-f]{64}", sha256):
        raise UsageError(f"{place}: the address of {name} ends without #sha256= and 64 hexadecimal digits")
    return Wheel(
        url=line.partition("#")[0],
        sha256=sha256,
        name=name,
        version=found["version"],
        cuda=found["cuda"],
        torch=found["torch"],
        abi=found["abi"] == "TRUE",
        python=found["python"],
        platform=found["platform"],
    )


def find_wheel(wheels: Sequence[Wheel], here: Interpreter) -> Wheel:
    """The wheel that fits. Raises :class:`NoWheelError` with the first thing for which there is none, in the order
    platform, torch, CUDA, Python, ABI, and with what there is instead."""
    if here.torch is None:
        raise NoWheelError(f"{here.error or 'torch is not installed'}; a wheel is chosen by its version")
    if here.cuda is None:
        raise NoWheelError(f"torch {here.torch} is built for the CPU only; flash-attn needs CUDA")
    torch = ".".join(here.torch.split("+")[0].split(".")[:2])
    cuda = here.cuda.partition(".")[0]
    left: Iterable[Wheel] = wheels
    for what, name, wanted in (
        ("platform", "platform", here.platform),
        ("torch", "torch", torch),
        ("CUDA", "cuda", cuda),
        ("Python", "python", here.python),
        ("C++11 ABI", "abi", here.abi),
    ):
        left, before = [wheel for wheel in left if getattr(wheel, name) == wanted], left
        if not left:
            given = ", ".join(dict.fromkeys(str(getattr(wheel, name)) for wheel in before)) or "none"
            raise NoWheelError(
                f"no flash-attn wheel is published for {what} {wanted} (only {given}){_with(what, here)}"
            )
    return max(left, key=lambda wheel: wheel.version)


def _with(what: str, here: Interpreter) -> str:
    """What was taken as given when ``what`` was compared."""
    given = {"CUDA": f"torch {here.torch}", "Python": f"torch {here.torch}", "C++11 ABI": f"torch {here.torch}"}
    return f" with {given[what]}" if what in given else ""
