"""The walls between the parts, held by machine."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from serving import running

ROOT = Path(__file__).parent.parent
SERVER = ROOT / "server"
PACKAGE = SERVER / "livehead"
MODULES = sorted(PACKAGE.rglob("*.py"))
PUBLIC = {
    PACKAGE / folder / "__init__.py"
    for folder in (".", "engine/flashhead", "client", "integrations/livekit", "integrations/pipecat")
}
"""The version, and the names under which the engine, the client and the integrations are used by themselves. Every
other __init__.py is empty."""


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(SERVER), **environment},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


def module_path(name: str) -> Path | None:
    path = SERVER.joinpath(*name.split("."))
    if path.with_suffix(".py").is_file():
        return path.with_suffix(".py")
    return path if (path / "__init__.py").is_file() else None


def contracts() -> list[dict[str, Any]]:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    found: list[dict[str, Any]] = config["contracts"]
    return found


def named_in_contracts() -> set[str]:
    names: set[str] = set()
    for contract in contracts():
        for key in ("containers", "source_modules", "forbidden_modules", "protected_modules", "allowed_importers"):
            names.update(contract.get(key, []))
        for ignored in contract.get("ignore_imports", []):
            names.update(part.strip().removesuffix(".**") for part in ignored.split("->"))
        for container in contract.get("containers", []):
            names.update(f"{container}.{layer}" for layer in layers(contract))
    return {name for name in names if name.split(".")[0] == "livehead"}


def layers(contract: dict[str, Any]) -> list[str]:
    return [name.strip() for entry in contract.get("layers", []) for name in re.split(r"[|:]", entry)]


def test_every_module_that_a_contract_names_is_there() -> None:
    """A contract about a module that was renamed away holds nothing."""
    missing = sorted(name for name in named_in_contracts() if module_path(name) is None)
    assert not missing, f"pyproject.toml has import contracts about modules that are not there: {missing}"


def test_every_module_has_its_layer() -> None:
    (stack,) = [contract for contract in contracts() if contract["type"] == "layers"]
    assert stack["containers"] == ["livehead"]
    assert stack["exhaustive"]
    known = set(layers(stack))
    outside = {
        path.relative_to(PACKAGE)
        for path in MODULES
        if path != PACKAGE / "__init__.py" and path.relative_to(PACKAGE).parts[0].removesuffix(".py") not in known
    }
    assert not outside


def test_no_contract_lists_single_files_where_a_folder_would_do() -> None:
    """What is forbidden to a folder holds for the files that it will get."""
    folders = [name for contract in contracts() for name in contract.get("source_modules", []) if "." in name]
    files = {"livehead.avatars"}  # parts of the package that are one file each
    assert {name for name in folders if not (SERVER.joinpath(*name.split("."))).is_dir()} <= files


def test_imports_point_down() -> None:
    done = run(str(Path(sys.executable).with_name("lint-imports")), "--no-cache")
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_is_something_to_check() -> None:
    assert PACKAGE / "core" / "block.py" in MODULES


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SERVER)))
def test_modules_keep_the_house_rules(path: Path) -> None:
    source = path.read_text()
    tree = ast.parse(source)
    if path.name == "__init__.py" and path not in PUBLIC:
        assert not source.strip(), "an __init__.py is empty"
        return
    if path.name != "__main__.py":
        assert ast.get_docstring(tree), "a module begins with a docstring that says what it is for"
    for forbidden in ("helper", "utils", "manager", "misc", "common"):
        assert forbidden not in path.stem, f"{forbidden} is no noun: name the file after what it holds"
    late = [
        node.lineno
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    if "flashhead" not in path.parts:
        assert not late, f"imports stand at the top, not in functions (lines {late})"


def test_no_two_test_files_have_one_name() -> None:
    """pytest imports them by it, and takes the first for the second where both are in one run."""
    tests = ROOT / "tests"
    files = [path for path in tests.rglob("*.py") if path.name not in ("__init__.py", "conftest.py")]
    names = Counter(path.name for path in files if not (path.parent / "__init__.py").exists())
    assert names["test_architecture.py"] == 1
    assert [name for name, count in names.items() if count > 1] == []


def test_server_is_a_source_root_and_no_package() -> None:
    assert not (SERVER / "__init__.py").exists()


@pytest.mark.parametrize(
    "name",
    ["livehead", "livehead.app", "livehead.cli", "livehead.engine.worker.main", "livehead.engine.preview.generator"],
)
def test_the_model_libraries_are_not_imported(name: str) -> None:
    """Whoever serves the preview engine has neither torch nor transformers, and must not need them."""
    if module_path(name) is None:
        pytest.fail(f"{name} is not there")
    program = f"import sys, {name}; print(sorted({{'torch', 'transformers', 'diffusers'}} & set(sys.modules)))"
    done = run(sys.executable, "-W", "error", "-c", program)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


IMPURE = {"asyncio", "av", "aiortc", "fastapi", "torch", "cv2", "prometheus_client"}


@pytest.mark.parametrize(
    ("folder", "impure"),
    [("core", IMPURE | {"pydantic"}), ("core/messages", IMPURE)],
)
def test_core_can_be_imported_with_the_standard_library_and_numpy_alone(folder: str, impure: set[str]) -> None:
    """All of core; its messages alone need pydantic too."""
    names = [
        ".".join(path.relative_to(SERVER).with_suffix("").parts).removesuffix(".__init__")
        for path in MODULES
        if PACKAGE / folder in path.parents and (folder != "core" or PACKAGE / "core/messages" not in path.parents)
    ]
    assert names
    done = run(sys.executable, "-c", f"import sys, {', '.join(names)}; print(sorted({impure!r} & set(sys.modules)))")
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_serving_the_preview_engine_imports_no_torch(tmp_path: Path) -> None:
    """Neither the server nor its worker: a stand-in tells on whoever imports it."""
    told = tmp_path / "told"
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text(f"open({str(told)!r}, 'w').close()\n")
    path = os.pathsep.join([str(tmp_path), str(SERVER)])
    with running(tmp_path, "--engine", "preview", "--size", "64", PYTHONPATH=path) as server:
        assert httpx.get(f"{server.url}/v1/info").json()["engine"]["name"] == "preview"
    assert not told.exists()
    done = run(sys.executable, "-c", "import torch", PYTHONPATH=path)
    assert done.returncode == 0
    assert told.exists()


def test_importing_does_nothing(tmp_path: Path) -> None:
    """No file is written, no thread or process is started, no logging is set up."""
    program = (
        "import logging, threading, multiprocessing, sys\n"
        "import livehead.cli\n"
        "print(len(logging.getLogger().handlers), threading.active_count(), len(multiprocessing.active_children()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(SERVER)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if module_path("livehead.cli") is None:
        pytest.fail("livehead.cli is not there")
    assert done.stdout.split() == ["0", "1", "0"], done.stdout + done.stderr
    assert not list(tmp_path.iterdir())
