"""Checkpoints for the FlashHead tests: a tiny random one, and the one that the goldens were computed with."""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the flashhead extra")

from livehead.engine.flashhead.generator import FlashHead  # noqa: E402
from livehead.engine.flashhead.geometry import Geometry  # noqa: E402
from livehead.engine.flashhead.weights.config import Variant  # noqa: E402
from livehead.engine.flashhead.weights.synthesize import SyntheticCheckpoint  # noqa: E402

GOLDEN = Path(__file__).parents[2] / "data" / "golden"

Engines = Callable[..., FlashHead]


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    # Two threads that wait for each other on busy cores are many times slower than one.
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _same_numbers() -> None:
    # What a test draws depends neither on the tests before it nor on the worker that it runs in.
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tiny")
    SyntheticCheckpoint(("lite", "pro"), tiny=True).write(root)
    return root


@pytest.fixture(scope="session")
def golden_checkpoint() -> Path:
    """3.4 GB, written once per machine and kept."""
    parts = [GOLDEN / "make_checkpoint.py", *sorted((GOLDEN / "manifests").iterdir())]
    key = hashlib.sha256(b"".join(part.read_bytes() for part in parts)).hexdigest()[:12]
    root = Path(tempfile.gettempdir()) / f"livehead-golden-{key}"
    with open(f"{root}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (root / "complete").exists():
            subprocess.run([sys.executable, parts[0], root], check=True)
            (root / "complete").touch()
    return root


def engines(root: Path) -> Engines:
    """A factory of CPU engines that reads each variant's weights once: they are the same for every size."""
    loaded: dict[Variant, FlashHead] = {}

    def engine(variant: Variant, size: int | tuple[int, int]) -> FlashHead:
        if variant not in loaded:
            loaded[variant] = FlashHead.load(root, variant=variant, size=64, device="cpu", dtype="float32")
        model = loaded[variant].model
        return FlashHead(replace(model, geometry=Geometry.of(model.config, size)))

    return engine


@pytest.fixture(scope="session")
def golden_engine(golden_checkpoint: Path) -> Engines:
    return engines(golden_checkpoint)


@pytest.fixture(scope="session")
def tiny_engine(tiny_checkpoint: Path) -> Engines:
    return engines(tiny_checkpoint)
