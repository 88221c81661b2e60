"""What FlashHead needs: driver, PyTorch, FlashAttention, memory, compiler, weights; and what is harmless."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from doctor.fake_environment import CARD, CPU, FakeEnvironment
from livehead.doctor import environment as environment_module
from livehead.doctor.device import check_compiler, check_driver, check_torch
from livehead.doctor.environment import Environment, Outcome
from livehead.doctor.finding import Finding
from livehead.doctor.weights import check_hashes, check_weights
from livehead.errors import EngineError
from livehead.models.pins import of_variants, read_pins
from livehead.settings import load

SMI = {"nvidia-smi": "/usr/bin/nvidia-smi"}
SYMBOL = "flash_attn_2_cuda.so: undefined symbol: _ZN3c105ErrorC2ENS_14SourceLocationE"
WHEEL = "flash_attn-2.8.3+cu12torch2.8cxx11abiTRUE-cp312-cp312-linux_x86_64.whl"


@pytest.mark.parametrize(
    ("given", "settings", "state", "words"),
    [
        ({"devices": 2}, {}, "ok", "2 CUDA devices, the driver supports CUDA 12.8"),
        ({}, {}, "warn", "no NVIDIA card is in this machine"),
        ({}, {"engine": "flashhead"}, "fail", "6 GB or more"),
        ({}, {"device": "cpu"}, "ok", "needs none"),
        ({"cards": 1}, {}, "warn", "its driver is not sudo ubuntu-drivers install"),
        ({"files": {"/.dockerenv": ""}}, {}, "warn", "--gpus all"),
        (
            {
                "programs": SMI,
                "commands": {"nvidia-smi": Outcome(9, "NVIDIA-SMI has failed: Driver/library mismatch\n")},
            },
            {},
            "warn",
            "Driver/library mismatch",
        ),
        ({"programs": SMI, "commands": {"nvidia-smi": Outcome(0, "GPU 0: Some Card\n")}}, {}, "warn", "libcuda.so.1"),
        (
            {
                "programs": SMI,
                "files": {"/.dockerenv": ""},
                "commands": {"nvidia-smi": Outcome(0, "GPU 0: Some Card\n")},
            },
            {},
            "warn",
            "NVIDIA_DRIVER_CAPABILITIES",
        ),
    ],
)
def test_the_driver(given: dict[str, Any], settings: dict[str, Any], state: str, words: str) -> None:
    (found,) = check_driver(load(settings), FakeEnvironment(**given))
    assert found.state == state
    assert words in f"{found.detail} {found.cure}"


def torch(name: str, settings: dict[str, Any], **given: Any) -> Finding | None:
    """The named finding of those about PyTorch and the card."""
    found = {each.name: each for each in check_torch(load(settings), FakeEnvironment(**given))}
    assert all(each.cure for each in found.values() if each.state != "ok")
    return found.get(name)


@pytest.mark.parametrize(
    ("name", "settings", "given", "state", "words"),
    [
        ("torch", {}, {"devices": 1, "torch": CARD}, "ok", "built for CUDA 12.8; cuda:0 is Some Card"),
        ("torch", {}, {"torch": CPU}, "warn", "for the CPU only pip uninstall torch"),
        ("torch", {"engine": "flashhead"}, {"torch": CPU}, "fail", "for the CPU only"),
        ("torch", {"engine": "preview"}, {"torch": CPU}, "ok", "for the CPU only"),
        (
            "torch",
            {"engine": "flashhead"},
            {"devices": 1, "torch": EngineError("PyTorch cannot be used: libcudart.so is not there")},
            "fail",
            "libcudart",
        ),
        ("torch", {}, {"devices": 1, "torch": CARD | {"error": "no kernel image"}}, "warn", "no kernel image"),
        ("attention", {}, {"torch": CPU}, "ok", "auto selects sdpa"),
        ("attention", {}, {"devices": 1, "torch": CARD}, "ok", "livehead vendor fetch wheel"),
        (
            "attention",
            {},
            {"devices": 1, "torch": CARD | {"flash_attn": SYMBOL}, "packages": {"flash-attn": "2.7.4"}},
            "warn",
            f"built for another torch, CUDA or C++ ABI; auto selects sdpa; available: cudnn, sdpa livehead vendor "
            f"fetch wheel, then pip install --no-deps --force-reinstall vendor/{WHEEL}",
        ),
        (
            "attention",
            {"attention": "fa2"},
            {
                "devices": 1,
                "torch": CARD | {"flash_attn": SYMBOL, "torch": "2.13.0", "cuda": "13.0"},
                "packages": {"flash-attn": "2.8.3"},
            },
            "fail",
            "pip uninstall flash-attn: no flash-attn wheel is published for torch 2.13 (only 2.8, 2.9, 2.10)",
        ),
        ("attention", {"attention": "fa2"}, {"devices": 1, "torch": CARD}, "fail", "livehead vendor fetch wheel"),
        ("attention", {"attention": "fa3"}, {"devices": 1, "torch": CARD}, "fail", "--attention auto"),
        (
            "GPU memory",
            {},
            {"devices": 1, "torch": CARD},
            "ok",
            "78.0 of 80.0 GB are free; lite takes 6.2 GB at 512 px",
        ),
        ("GPU memory", {}, {"devices": 1, "torch": CARD | {"memory_gb": [5.9, 80.0]}}, "warn", "--size 256 fits"),
        (
            "GPU memory",
            {"memory": 6.0, "variant": "pro"},
            {"devices": 1, "torch": CARD},
            "warn",
            "--variant lite --size 384 fits",
        ),
        ("GPU memory", {}, {"devices": 1, "torch": CARD | {"memory_gb": [3.0, 80.0]}}, "warn", "Nothing fits below"),
        ("GPU size", {}, {"devices": 1, "torch": CARD | {"sms": 46}}, "ok", '"Not enough SMs to use max_autotune_gemm'),
        ("GPU size", {}, {"devices": 1, "torch": CARD | {"sms": 46}}, "ok", "harmless"),
        ("GPU generation", {}, {"devices": 1, "torch": CARD | {"capability": [7, 5]}}, "warn", "7.5, without bfloat16"),
    ],
)
def test_pytorch_and_the_card(
    name: str, settings: dict[str, Any], given: dict[str, Any], state: str, words: str
) -> None:
    found = torch(name, settings, **given)
    assert found is not None
    assert found.state == state
    assert words in f"{found.detail} {found.cure}"


def test_nothing_is_said_of_a_large_card_nor_of_a_pytorch_that_is_not_there() -> None:
    assert torch("GPU size", {}, devices=1, torch=CARD) is None
    assert not list(check_torch(load({}), FakeEnvironment(modules=())))


@pytest.mark.parametrize(
    ("programs", "settings", "state"),
    [
        ({"gcc": "/usr/bin/gcc"}, {}, "ok"),
        ({}, {}, "warn"),
        ({}, {"engine": "flashhead"}, "fail"),
        ({}, {"engine": "preview"}, None),
        ({}, {"device": "cpu"}, None),
    ],
)
def test_kernels_need_a_compiler(programs: dict[str, str], settings: dict[str, Any], state: str | None) -> None:
    found = list(check_compiler(load(settings), FakeEnvironment(programs=programs)))
    assert [each.state for each in found] == ([state] if state else [])


MODEL, SPEECH = "SoulX-FlashHead-1_3B", "wav2vec2-base-960h"


@pytest.mark.parametrize(
    ("folders", "models", "words"),
    [
        ((), "", "SoulX-FlashHead-1_3B/Model_Lite/config.json is missing livehead models download lite (8.2 GB"),
        ((f"{MODEL}/Model_Lite",), MODEL, "a model's own folder, not the one that holds it Use --models"),
        (("soulx-flashhead-1.3b",), "", f"holds soulx-flashhead-1.3b, which should be called {MODEL} mv '"),
        (("models--Soul-AILab--SoulX-FlashHead-1_3B",), "", f"should be called {MODEL}"),
        ((MODEL, "Wav2Vec2_base_960h"), "", f"should be called {SPEECH}"),
        ((f"models/{MODEL}",), "", "one folder deeper"),
        ((MODEL, SPEECH), "", "is missing"),
    ],
)
def test_folders_that_are_called_otherwise(folders: tuple[str, ...], models: str, words: str, tmp_path: Path) -> None:
    for each in folders:
        (tmp_path / each).mkdir(parents=True)
    (found,) = check_weights(load({"models": tmp_path / models}), Environment())
    assert found.state == "warn"
    assert words in f"{found.detail} {found.cure}"


def test_where_weights_were_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    environment = FakeEnvironment(disk={"vendor/SoulX-FlashHead/models": (5.0, 9.0)})
    (found,) = check_weights(load({"engine": "flashhead"}), environment)
    assert found.state == "fail"
    assert found.detail == "none in models, vendor/SoulX-FlashHead/models or /models"
    assert "free more first" in found.cure


def test_a_download_that_broke_off_is_told_from_none(tmp_path: Path) -> None:
    folder = tmp_path / MODEL / "Model_Lite"
    folder.mkdir(parents=True)
    (folder / "diffusion_pytorch_model.safetensors.partial").write_bytes(b"x")
    (found,) = check_weights(load({"models": tmp_path}), FakeEnvironment())
    assert found.state == "warn"
    assert "not completely downloaded" in found.detail


def test_hashes_are_compared_where_somebody_asks(tmp_path: Path) -> None:
    settings = load({"models": tmp_path})
    assert not list(check_hashes(settings, FakeEnvironment()))
    for pin in of_variants(read_pins(), ["lite"]):
        path = tmp_path / pin.local
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    (found,) = check_hashes(settings, FakeEnvironment())
    assert found.state == "warn"
    assert "not the published file" in found.detail
    assert "does not have the published size" in next(check_weights(settings, FakeEnvironment())).detail


def test_pytorch_is_asked_in_a_process_with_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(words: list[str], *, timeout: float, **_: Any) -> None:
        raise subprocess.TimeoutExpired(words, timeout)

    monkeypatch.setattr(environment_module.subprocess, "run", hang)
    with pytest.raises(EngineError, match="did not answer within 2 s"):
        Environment().survey("cpu", 2)


@pytest.mark.timeout(170)
def test_what_pytorch_says_of_the_processor() -> None:
    pytest.importorskip("torch", reason="needs the flashhead extra")
    before = set(sys.modules)
    found = Environment().survey("cpu", 150)
    assert found["error"] is None
    assert (found["device"], found["chosen"], found["attention"]) == ("cpu", "sdpa", ["sdpa"])
    assert found.keys() == CPU.keys()
    module = "livehead.engine.flashhead.runtime.survey"
    assert not {name for name in set(sys.modules) - before if name.startswith(module)}
