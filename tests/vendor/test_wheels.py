"""Which FlashAttention wheel fits, and why none does."""

from __future__ import annotations

from pathlib import Path

import pytest

from livehead.errors import UsageError
from livehead.vendor.interpreter import Interpreter, ask_interpreter, this_python
from livehead.vendor.sources import read_sources
from livehead.vendor.wheels import NoWheelError, find_wheel, read_wheels

(LIST,) = read_sources().wheels
WHEELS = read_wheels(LIST.list)


X86 = "linux_x86_64"


def here(python: str, torch: str | None, cuda: str | None, abi: bool | None, platform: str = X86) -> Interpreter:
    return Interpreter(python, platform, torch, cuda, abi)


@pytest.mark.parametrize(
    ("found", "tag"),
    [
        (here("cp311", "2.8.0+cu128", "12.8", True), "cu12torch2.8cxx11abiTRUE-cp311"),
        (here("cp312", "2.8.0", "12.6", False), "cu12torch2.8cxx11abiFALSE-cp312"),
        (here("cp313", "2.8.0", "12.8", True), "cu12torch2.8cxx11abiTRUE-cp313"),
        (here("cp312", "2.9.1", "12.8", True), "cu12torch2.9cxx11abiTRUE-cp312-cp312-linux_x86_64"),
        (here("cp312", "2.9.1", "12.8", True, "linux_aarch64"), "cu12torch2.9cxx11abiTRUE-cp312-cp312-linux_aarch64"),
        (here("cp312", "2.10.0", "13.0", True), "cu13torch2.10cxx11abiTRUE-cp312"),
    ],
)
def test_the_one_that_fits(found: Interpreter, tag: str) -> None:
    wheel = find_wheel(WHEELS, found)
    assert tag in wheel.name
    assert wheel.url.startswith("https://github.com/Dao-AILab/flash-attention/releases/download/v")
    assert len(wheel.sha256) == 64


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Interpreter("cp312", "linux_x86_64", error="torch is not installed"), "torch is not installed"),
        (here("cp311", "2.13.0+cpu", None, True), "built for the CPU only"),
        (
            here("cp312", "2.8.0", "12.8", True, "darwin_arm64"),
            "platform darwin_arm64 (only linux_x86_64",
        ),
        (here("cp312", "2.13.0", "13.0", True), "torch 2.13 (only 2.8, 2.9, 2.10)"),
        (here("cp312", "2.8.0", "13.0", True), "CUDA 13 (only 12) with torch 2.8.0"),
        (here("cp311", "2.9.0", "12.8", True), "Python cp311 (only cp312) with torch 2.9.0"),
        (here("cp312", "2.9.0", "12.8", False), "C++11 ABI False (only True) with torch 2.9.0"),
    ],
)
def test_why_none_fits(found: Interpreter, words: str) -> None:
    with pytest.raises(NoWheelError) as error:
        find_wheel(WHEELS, found)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("https://a.example/flash_attn-2.8.3.tar.gz#sha256=" + "0" * 64, "not the name of a wheel"),
        (WHEELS[0].url, "#sha256="),
    ],
)
def test_a_list_that_cannot_be_used_names_the_line(line: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(f"# a comment\n\n{line}\n")
    with pytest.raises(UsageError, match=r"list\.txt:3") as error:
        read_wheels(tmp_path / "list.txt")
    assert words in str(error.value)


def test_what_torch_says_of_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch/__init__.py").write_text(
        "from types import SimpleNamespace\n"
        "__version__ = '2.9.1+cu128'\n"
        "version = SimpleNamespace(cuda='12.8')\n"
        "_C = SimpleNamespace(_GLIBCXX_USE_CXX11_ABI=True)\n"
        "print('a banner')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    found = ask_interpreter(60)
    assert (found.torch, found.cuda, found.abi) == ("2.9.1+cu128", "12.8", True)
    (tmp_path / "torch/__init__.py").write_text("raise ImportError('libcudart.so is not there')\n")
    assert "torch cannot be used: ImportError: libcudart.so" in ask_interpreter(60).error


@pytest.mark.soak
@pytest.mark.timeout(170)
def test_this_interpreter_is_asked_in_a_process_of_its_own() -> None:
    pytest.importorskip("torch", reason="needs the flashhead extra")
    found = ask_interpreter(150)
    assert not found.error
    assert found.torch
    assert found.abi is not None
    assert (found.python, found.platform) == (this_python().python, this_python().platform)


def test_torch_that_hangs_is_an_answer_too() -> None:
    assert "did not answer within 0 s" in ask_interpreter(0.01).error
