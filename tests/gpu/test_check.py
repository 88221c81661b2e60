"""The device check itself runs anywhere, at tiny size; on a device it must pass at full size."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the flashhead extra")

CHECK = Path(__file__).with_name("check.py")


def check(folder: Path, *options: str) -> dict[str, object]:
    command = [sys.executable, str(CHECK), "--out", str(folder), *options]
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    result: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    assert result["failed"] == []
    return result


def test_the_check_runs_on_the_cpu_at_tiny_size(tmp_path: Path) -> None:
    result = check(tmp_path, "--device", "cpu", "--sizes", "tiny", "--parts", "ceilings,gates,lite")
    assert {"gates", "timing", "matmul_tflops"} <= result.keys()


@pytest.mark.gpu
@pytest.mark.timeout(600)
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_bfloat16_holds_its_gates_on_the_device(tmp_path: Path) -> None:
    check(tmp_path, "--parts", "gates")


def test_the_convolutions_can_be_timed_anywhere(tmp_path: Path) -> None:
    out = tmp_path / "convolutions.json"
    options = ["--device", "cpu", "--size", "16", "--repeat", "1", "--out", str(out)]
    command = [sys.executable, str(CHECK.with_name("convolutions.py")), *options]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(row["ms"] > 0 for row in json.loads(out.read_text()).values())


SERVE = Path(__file__).with_name("serve.py")


def serve(folder: Path, *options: str) -> dict[str, object]:
    command = [sys.executable, str(SERVE), "--out", str(folder), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    result: dict[str, object] = json.loads((folder / "serve.json").read_text())
    assert done.returncode == 0, done.stdout + done.stderr
    assert result["failed"] == []
    return result


@pytest.mark.soak
@pytest.mark.timeout(400)
def test_the_server_run_works_on_the_cpu_at_tiny_size(tmp_path: Path) -> None:
    result = serve(tmp_path, "--device", "cpu", "--tiny")
    assert {"load", "render", "serve", "calls"} <= result.keys()


@pytest.mark.gpu
@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_server_holds_its_promises_on_the_device(tmp_path: Path) -> None:
    assert serve(tmp_path)["missed"] == []
