"""The docs say what the code does: settings, options, metrics, files, names, links and quoted examples."""

from __future__ import annotations

import argparse
import ast
import dataclasses
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from livehead import settings
from livehead.cli import build_parser
from livehead.core.messages.from_server import Stats
from livehead.metrics import Metrics

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*/README.md"), *ROOT.glob("tests/**/*.md")])
TEXTS = [page for page in PAGES if page.name != "CHANGELOG.md"]
"""The changelog grows, and names what is gone."""

MOST_LINES = 150

STAGES = [
    stage
    for stage in vars(settings).values()
    if isinstance(stage, type) and issubclass(stage, BaseSettings) and stage.__module__ == settings.__name__
]


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


each_page = pytest.mark.parametrize("page", PAGES, ids=name_of)
each_text = pytest.mark.parametrize("page", TEXTS, ids=name_of)


def rows() -> dict[str, tuple[str, str]]:
    """Name → (default, meaning), read from the tables of docs/configuration.md."""
    text = (ROOT / "docs/configuration.md").read_text()
    found = re.findall(r"^\| `(LIVEHEAD_\w+)` \| (.*?) \| (.*?) \|$", text, flags=re.MULTILINE)
    return {name: (default.strip("`"), meaning) for name, default, meaning in found}


def fields() -> dict[str, tuple[str, str]]:
    result = {}
    for stage in STAGES:
        for name, field in stage.model_fields.items():
            default = field.default
            shown = (
                ""
                if default is None
                else str(list(default)).replace("'", '"')
                if isinstance(default, tuple)
                else str(default)
            )
            result[f"LIVEHEAD_{name.upper()}"] = (shown, field.description or "")
    return result


def test_every_setting_is_documented_with_its_default_and_meaning() -> None:
    assert rows() == fields()


@each_text
def test_settings_that_are_named_exist(page: Path) -> None:
    named = set(re.findall(r"LIVEHEAD_[A-Z_]*[A-Z]", page.read_text()))
    assert named - fields().keys() == set()


@each_text
def test_metrics_that_are_named_exist(page: Path) -> None:
    exported = {line.split()[2] for line in metrics_text().splitlines() if line.startswith("# TYPE")}
    named = set(re.findall(r"`(livehead_[a-z_]+)`", page.read_text()))
    assert named - exported == set()


def metrics_text() -> str:
    metrics = Metrics()
    metrics.watch_restarts(lambda: 0)
    return metrics.render().decode()


def first_column(page: str, heading: str) -> set[str]:
    """The code spans in the first column of the first table under a heading."""
    section = (ROOT / page).read_text().partition(f"# {heading}\n")[2].partition("\n#")[0]
    cells = re.findall(r"^\| (`[^|]+) \|", section, flags=re.MULTILINE)
    assert cells, f"no table under {heading} in {page}"
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def test_every_figure_of_a_session_is_documented() -> None:
    documented = first_column("docs/protocol/figures.md", "Figures")
    assert documented == {field.name for field in dataclasses.fields(Stats)}


def test_figures_of_the_benchmark_that_are_named_exist() -> None:
    source = "".join(file.read_text() for file in (ROOT / "server/livehead/bench").rglob("*.py"))
    named = first_column("docs/performance/live-sessions.md", "What the figures mean")
    named |= first_column("docs/performance/engine.md", "Engine")
    listed = (ROOT / "docs/latency.md").read_text().partition("### What the figures mean")[2]
    named |= set(re.findall(r"`(\w+)`(?=[:,])", listed))
    counted = {"repeated", "dropped", "skipped"}  # by the server, under the names of its own figures
    assert {name for name in named - counted if f'"{name}"' not in source} == set()
    assert counted <= {field.name for field in dataclasses.fields(Stats)}


@each_text
def test_a_page_can_be_read_in_one_go(page: Path) -> None:
    assert len(page.read_text().splitlines()) <= MOST_LINES, "split it by subject"


@each_page
def test_relative_links_are_alive(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|href)="([^"]+)"', text)
    dead = []
    for target in targets:
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path) if path else page
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors(file)):
            dead.append(target)
    assert dead == []


def anchors(page: Path) -> set[str]:
    """The anchors GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [page for page in PAGES if page.is_relative_to(ROOT / "docs")], ids=name_of)
def test_every_page_can_be_reached(page: Path) -> None:
    links = {
        (other.parent / target.partition("#")[0]).resolve()
        for other in PAGES
        if other != page
        for target in re.findall(r"\]\(([^)\s]+)\)", other.read_text())
    }
    assert page in links


@pytest.fixture(scope="module")
def files() -> set[str]:
    """Every file and folder of the project, the latter with a slash behind it."""
    found = set()
    for folder, inner, names in os.walk(ROOT):
        inner[:] = [name for name in inner if not name.startswith(".") and name not in ("__pycache__", "node_modules")]
        found |= {Path(folder).relative_to(ROOT) / name for name in names}
    return {str(file) for file in found} | {f"{parent}/" for file in found for parent in file.parents}


@each_text
def test_files_that_are_named_exist(page: Path, files: set[str]) -> None:
    """In backticks: a file with a known ending, or a folder with a slash behind it, by the end of its path."""
    named = re.findall(r"`([\w./-]+(?:\.(?:py|js|md|toml|json|html|css)|/))`", page.read_text())
    named += re.findall(r"\b((?:tests|art|examples)/[\w/]+\.py)\b", page.read_text())
    known = {f"/{file}" for file in files}
    lost = {name for name in named if not any(file.endswith(f"/{name}") for file in known)}
    assert lost - {"data/"} == set()


@each_text
def test_python_names_that_are_named_exist(page: Path) -> None:
    """``livehead.engine.base.Work``, ``from livehead.engine.base import Work``."""
    text = page.read_text()
    named = {found.rstrip(".") for found in re.findall(r"(?<![\w/.-])livehead(?:\.\w+)+", text)}
    for module, names in re.findall(r"from (livehead[\w.]*) import ([\w, ]+)", text):
        named |= {f"{module}.{name.strip()}" for name in names.split(",")}
    assert {name for name in named if not exists(name)} == set()


def exists(dotted: str) -> bool:
    """Whether a module, or something at the top level of one, has this name. Imports nothing, torch least of all."""
    path, *rest = ROOT / "server", *dotted.split(".")
    while rest and (path / rest[0]).is_dir():
        path = path / rest.pop(0)
    if not rest:
        return True
    is_module = (path / f"{rest[0]}.py").is_file()
    module = path / f"{rest.pop(0)}.py" if is_module else path / "__init__.py"
    return not rest or (len(rest) == 1 and rest[0] in set(top_level(ast.parse(module.read_text()))))


def top_level(module: ast.Module) -> Iterator[str]:
    for node in module.body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name
            case ast.Import() | ast.ImportFrom():
                yield from (alias.asname or alias.name for alias in node.names)
            case ast.Assign():
                yield from (target.id for target in node.targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.If():
                yield from top_level(ast.Module(node.body, []))


@each_text
def test_commands_that_are_named_exist(page: Path) -> None:
    """Lines of code and code spans that begin with ``livehead``: subcommands and options."""
    text = page.read_text()
    lines = re.findall(r"^    (?:\.venv/bin/)?(livehead [^#\n]+)", text, flags=re.MULTILINE)
    lines += re.findall(r"`(?:\.venv/bin/)?(livehead [^`]+)`", text)
    unknown = [line for line in lines if not understood(line.replace("\n", " "))]
    assert unknown == []


def understood(line: str) -> bool:
    parser: argparse.ArgumentParser = build_parser()
    for word in shlex.split(line)[1:]:
        if word.startswith("--"):
            if word.partition("=")[0] not in parser._option_string_actions:
                return False
        elif subparsers := [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]:
            if word not in subparsers[0].choices:
                return False
            parser = subparsers[0].choices[word]
    return True


@each_text
def test_examples_that_are_quoted_are_the_files(page: Path) -> None:
    quoted = re.findall(r"<!-- file: (\S+) -->\n```python\n(.*?)```", page.read_text(), flags=re.DOTALL)
    for file, text in quoted:
        assert text == (page.parent / file).read_text(), f"{file} has changed: copy it into the page"


def test_every_example_is_quoted() -> None:
    quoted = set()
    for page in PAGES:
        quoted |= {(page.parent / file).resolve() for file in re.findall(r"<!-- file: (\S+) -->", page.read_text())}
    assert quoted == set((ROOT / "examples").rglob("*.py"))
