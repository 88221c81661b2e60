"""What has to be looked at when the model's code, torch or CUDA change, as checks that a program makes.

``livehead vendor bump`` makes the last of them true: it makes one film with the engine, and notes with which
combination.
"""

from __future__ import annotations

import json
import math
import struct
import subprocess
import sys
import tempfile
import wave
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal, TypeAlias

from livehead.errors import LiveheadError
from livehead.settings import EngineSettings
from livehead.vendor.checkout import REQUIREMENTS, inspect_code
from livehead.vendor.fetch import inspect
from livehead.vendor.interpreter import Interpreter
from livehead.vendor.inventory import AS_PINNED, wheel_source
from livehead.vendor.requirements import PACKAGE, pinned
from livehead.vendor.sources import Sources
from livehead.vendor.wheels import NoWheelError, read_wheels

State: TypeAlias = Literal["ok", "stale", "unknown"]

NOTE = "stack.json"
"""In the vendor folder: the combination with which a first film was made."""

FIRST_STEP_S = 900.0
SPEECH_HZ = 16_000
SPEECH_S = 1.0


@dataclass(frozen=True, slots=True)
class Line:
    """One check. ``unknown``: it cannot be told here; ``cure`` says what would."""

    name: str
    state: State
    detail: str
    cure: str = ""


@dataclass(frozen=True, slots=True)
class Stack:
    """What an end-to-end run depends on."""

    python: str
    torch: str | None
    cuda: str | None
    flash_attn: str | None
    code: str
    variant: str


def stack_of(sources: Sources, here: Interpreter, variant: str) -> Stack:
    return Stack(here.python, here.torch, here.cuda, installed("flash-attn"), _commits(sources), variant)


def installed(name: str) -> str | None:
    """The version of an installed distribution."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def check(sources: Sources, engine: EngineSettings, models: Path, here: Interpreter) -> Iterator[Line]:
    """All of them, in the order in which a cure for one helps the next. Reads the reference code and the wheel."""
    root = engine.vendor_dir
    yield from _code(sources, root)
    yield from _wheel_list(sources, here)
    yield from _wheel_file(sources, root, here)
    yield _installed_wheel(sources, here)
    yield _first_step(sources, root, here, engine.variant, models)


def _code(sources: Sources, root: Path) -> Iterator[Line]:
    for code in sources.code:
        state = inspect_code(code, root)
        cure = "livehead vendor fetch code"
        if state == "missing":
            yield Line("reference code", "unknown", f"{root / code.folder} is not there", cure)
            yield Line("requirements", "unknown", f"no {REQUIREMENTS} to read", cure)
            continue
        file = root / code.folder / REQUIREMENTS
        line = pinned(file.read_text()) if file.is_file() else None
        fine = state == AS_PINNED or line is not None
        yield Line(
            "reference code",
            "ok" if fine else "stale",
            f"commit {code.commit[:12]}" if fine else state,
            "" if fine else f"Move {root / code.folder} away, then: {cure}",
        )
        if line is None:
            yield Line("requirements", "ok", f"{PACKAGE} is not pinned")
        else:
            cure = f"Remove the version in {file}: torch requires another."
            yield Line("requirements", "stale", f"{line} in {REQUIREMENTS}", cure)


def _wheel_list(sources: Sources, here: Interpreter) -> Iterator[Line]:
    for wheels in sources.wheels:
        if here.torch is None or here.cuda is None:
            said = here.error or f"torch {here.torch} is built for the CPU only"
            yield Line("wheel list", "unknown", said, "Run this where FlashHead will run.")
            continue
        try:
            source = wheel_source(wheels, here)
        except NoWheelError as error:
            newest = max(read_wheels(wheels.list), key=lambda wheel: [int(part) for part in wheel.torch.split(".")])
            yield Line(
                "wheel list",
                "stale",
                str(error),
                f"Add the address of one that fits to {wheels.list} (the newest there is for torch {newest.torch}), or "
                "serve with --attention sdpa, which needs none.",
            )
        else:
            yield Line("wheel list", "ok", f"{source.path.name} fits {here.python}, torch {here.torch}")


def _wheel_file(sources: Sources, root: Path, here: Interpreter) -> Iterator[Line]:
    for wheels in sources.wheels:
        try:
            source = wheel_source(wheels, here)
        except NoWheelError:
            yield Line("wheel file", "unknown", "no wheel fits, so none is needed")
            continue
        others = [path.name for path in root.glob("flash_attn-*.whl") if path.name != source.path.name]
        state = inspect(source, root)
        if state == AS_PINNED and not others:
            yield Line("wheel file", "ok", f"{source.path.name} is as published")
        elif state == AS_PINNED:
            yield Line("wheel file", "stale", f"{others[0]} is of another combination", f"rm {root / others[0]}")
        else:
            said = f"{others[0]} is of another combination" if others else f"{source.path.name} is {state}"
            yield Line("wheel file", "stale", said, "livehead vendor fetch wheel")


def _installed_wheel(sources: Sources, here: Interpreter) -> Line:
    """Whether what is installed is what the list has for this combination."""
    version = installed("flash-attn")
    if version is None:
        return Line("installed wheel", "ok", "flash-attn is not installed; torch's own attention is used")
    for wheels in sources.wheels:
        try:
            name = wheel_source(wheels, here).path.name
        except NoWheelError as error:
            return Line("installed wheel", "unknown", f"flash-attn {version} was not built by its authors: {error}")
        if name.split("-")[1].split("+")[0] != version.split("+")[0]:
            cure = "livehead vendor fetch wheel, then install it"
            return Line("installed wheel", "stale", f"flash-attn {version} is installed, {name} is pinned", cure)
    return Line("installed wheel", "ok", f"flash-attn {version}")


def _first_step(sources: Sources, root: Path, here: Interpreter, variant: str, models: Path) -> Line:
    now = stack_of(sources, here, variant)
    cure = "livehead vendor bump, where FlashHead will run: it makes a first film and notes that it could."
    try:
        noted = json.loads((root / NOTE).read_text())
    except (OSError, ValueError):
        return Line("first film", "unknown", f"none was made with {_named(now)} and the weights in {models}", cure)
    changed = [name for name, value in asdict(now).items() if noted.get(name) != value]
    if changed:
        said = ", ".join(f"{name} was {noted.get(name)}, is {getattr(now, name)}" for name in changed)
        return Line("first film", "stale", said, cure)
    return Line("first film", "ok", f"was made with {_named(now)}")


def run_first_step(engine: EngineSettings, models: Path, seconds: float = FIRST_STEP_S) -> str:
    """Make a film of one second with FlashHead, in a process of its own. Returns what it said of it.

    Raises LiveheadError with the last line of one that failed.
    """
    with tempfile.TemporaryDirectory() as made:
        sound, film = Path(made) / "hum.wav", Path(made) / "film.mp4"
        _write_hum(sound)
        command = [sys.executable, "-m", "livehead", "render", "--portrait", "default", "--audio", str(sound)]
        command += ["--out", str(film), "--engine", "flashhead", "--models", str(models)]
        command += ["--variant", engine.variant, "--device", engine.device]
        try:
            done = subprocess.run(
                command, capture_output=True, stdin=subprocess.DEVNULL, text=True, timeout=seconds, check=False
            )
        except subprocess.TimeoutExpired:
            raise LiveheadError(
                f"No film was made within {seconds:.0f} s. Run `livehead doctor --engine flashhead`."
            ) from None
        if done.returncode != 0 or not film.is_file():
            last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise LiveheadError(f"No film could be made: {last.removeprefix('livehead: ')}")
        return done.stdout.strip().splitlines()[-1].partition(": ")[2]


def record(root: Path, sources: Sources, here: Interpreter, variant: str) -> None:
    """Note the combination that works."""
    root.mkdir(parents=True, exist_ok=True)
    partial = root / (NOTE + ".partial")
    partial.write_text(json.dumps(asdict(stack_of(sources, here, variant)), indent=2) + "\n")
    partial.replace(root / NOTE)


def _write_hum(path: Path) -> None:
    count = int(SPEECH_S * SPEECH_HZ)
    samples = [int(8000 * math.sin(2 * math.pi * 140 * each / SPEECH_HZ)) for each in range(count)]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SPEECH_HZ)
        file.writeframes(struct.pack(f"<{count}h", *samples))


def _commits(sources: Sources) -> str:
    return " ".join(code.commit for code in sources.code)


def _named(stack: Stack) -> str:
    torch = f"torch {stack.torch}" if stack.torch else "no torch"
    flash = f", flash-attn {stack.flash_attn}" if stack.flash_attn else ""
    return f"{stack.python}, {torch}{flash}, {stack.variant}"
