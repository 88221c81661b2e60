"""The docs hang together: links, files, names and quoted examples lead somewhere, and no page is too long."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pages import PAGES, ROOT, each_page, each_text, name_of

MOST_LINES = 150


@each_text
def test_a_page_can_be_read_in_one_go(page: Path) -> None:
    """The tables that tests write (fault_rows.py) are looked up, and as long as there are tests."""
    text = re.sub(r"(<!-- faults: \w+ -->\n).*?(<!-- end -->)", r"\1\2", page.read_text(), flags=re.DOTALL)
    assert len(text.splitlines()) <= MOST_LINES, "split it by subject"


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


def test_threads_that_are_drawn_are_started() -> None:
    nodes = re.findall(r'^    \w+\["([\w-]+)<br>', (ROOT / "docs/architecture.md").read_text(), flags=re.MULTILINE)
    source = "".join(file.read_text() for file in (ROOT / "server/livehead").rglob("*.py"))
    assert len(nodes) >= 5
    assert [name for name in nodes if f'name="{name}"' not in source] == []


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
def test_examples_that_are_quoted_are_the_files(page: Path) -> None:
    quoted = re.findall(r"<!-- file: (\S+) -->\n```python\n(.*?)```", page.read_text(), flags=re.DOTALL)
    for file, text in quoted:
        assert text == (page.parent / file).read_text(), f"{file} has changed: copy it into the page"


def test_every_example_is_quoted() -> None:
    """Or it has a page that names it, where it is a program of several files."""
    programs = {path.parent for path in (ROOT / "examples").rglob("__main__.py")}
    quoted = set()
    for page in PAGES:
        text = page.read_text()
        quoted |= {(page.parent / file).resolve() for file in re.findall(r"<!-- file: (\S+) -->", text)}
        programs -= {ROOT / name for name in re.findall(r"\(\.\./(examples/\w+)\)", text)}
    assert programs == set(), "no page links to these"
    short = [path for path in (ROOT / "examples").rglob("*.py") if not (path.parent / "__main__.py").exists()]
    assert quoted == set(short)
