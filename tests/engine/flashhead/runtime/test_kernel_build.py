"""Kernels of a step that are built at once, with a stand-in for Triton, which is only where CUDA is."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the flashhead extra")

from livehead.engine.flashhead.runtime import kernel_build  # noqa: E402
from livehead.engine.flashhead.runtime.kernel_build import building_kernels  # noqa: E402

CPU = torch.device("cpu")


class Compiled:
    """Its launcher is made where ``run`` is first asked for."""

    made_in: str = ""

    @property
    def run(self) -> object:
        self.made_in = threading.current_thread().name
        return self


class Function:
    """As triton.runtime.jit.JITFunction: launched, or only built."""

    def __init__(self) -> None:
        self.launched: list[Any] = []
        self.built: list[Any] = []

    def run(self, *args: Any, grid: Any, warmup: bool, **options: Any) -> None:
        if not warmup:
            self.launched.append(args)
            return
        self.built.append(args)
        assert Mode.active is not None
        Mode.active.submit(args, Compiled)


class Mode:
    """As triton's AsyncCompileMode."""

    active: Mode | None = None

    def __init__(self, executor: Executor, *, ignore_errors: bool) -> None:
        assert ignore_errors
        self.executor = executor
        self.futures: list[Future[Any]] = []

    def submit(self, key: object, compile_kernel: Callable[[], Any]) -> None:
        self.futures.append(self.executor.submit(compile_kernel))

    def __enter__(self) -> None:
        Mode.active = self

    def __exit__(self, *_: object) -> None:
        Mode.active = None
        self.kernels = [future.result() for future in self.futures]
        assert all(kernel.made_in.startswith("build") for kernel in self.kernels)


@pytest.fixture
def function(monkeypatch: pytest.MonkeyPatch) -> Function:
    monkeypatch.setattr(kernel_build, "JITFunction", Function)
    monkeypatch.setattr(kernel_build, "AsyncCompileMode", Mode)
    monkeypatch.setattr(torch.cuda, "set_device", lambda index: None)
    return Function()


def test_inside_each_kind_is_built_once_and_nothing_is_launched(function: Function) -> None:
    values = torch.zeros(64)
    with building_kernels(CPU) as built:
        assert built
        for _ in range(3):
            function.run(values, 4, 1.5, grid=(1,), warmup=False, WIDTH=16)
            function.run(torch.ones(64), 4, 1.5, grid=(9,), warmup=False, WIDTH=16)
    assert len(function.built) == 1
    assert function.launched == []
    function.run(values, 4, 1.5, grid=(1,), warmup=False, WIDTH=16)
    assert len(function.launched) == 1


def test_whatever_may_need_another_kernel_is_built_too(function: Function) -> None:
    values = torch.zeros(64)
    with building_kernels(CPU):
        function.run(values, 4, grid=(1,), warmup=False, WIDTH=16)
        function.run(values.half(), 4, grid=(1,), warmup=False, WIDTH=16)
        function.run(values[1:], 4, grid=(1,), warmup=False, WIDTH=16)  # not aligned
        function.run(values, 5, grid=(1,), warmup=False, WIDTH=16)
        function.run(values, True, grid=(1,), warmup=False, WIDTH=16)
        function.run(values, 4, grid=(1,), warmup=False, WIDTH=32)
        Function.run(other := Function(), values, 4, grid=(1,), warmup=False, WIDTH=16)
        function.run([1], grid=(1,), warmup=False)
        function.run([1], grid=(1,), warmup=False)  # nobody can tell that it is the same
    assert (len(function.built), len(other.built)) == (8, 1)


def test_after_an_error_kernels_are_launched_as_ever(function: Function) -> None:
    with pytest.raises(RuntimeError, match="no memory"), building_kernels(CPU):
        raise RuntimeError("no memory")
    function.run(1, grid=(1,), warmup=False)
    assert function.launched == [(1,)]


def test_without_triton_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_build, "AsyncCompileMode", None)
    with building_kernels(CPU) as built:
        assert not built
