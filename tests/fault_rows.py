"""The tables of docs/reliability.md: what ``@pytest.mark.fault`` says of a test, and what its last run measured.

python tests/fault_rows.py             # write the tables anew, after ``pytest --measured``
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "reliability.md"
MEASURED = TESTS / "reliability" / "measured.json"

PARTS = ("engine", "network", "client", "server", "storage", "load", "marking")
"""The tables of the page, each between ``<!-- faults: PART -->`` and ``<!-- end -->``."""

HEAD = "| fault | what the user sees | promised | seen | test |\n|---|---|---|---|---|\n"


class Recovery(Protocol):
    """The fixture ``recovery``, called once, when all is well again: with what is well, and after how many seconds."""

    def __call__(self, what: str, seconds: float | None = None) -> None: ...


@dataclass(frozen=True, slots=True)
class Fault:
    """One row: the arguments of the mark, and the test's name as pytest takes it, from the project's root."""

    part: str
    fault: str
    sees: str
    within: float | None
    test: str

    def row(self, seen: str) -> str:
        promised = "" if self.within is None else f"{self.within:g} s"
        path, _, name = self.test.partition("::")
        return f"| {self.fault} | {self.sees} | {promised} | {seen} | [`{name}`](../{path}) |\n"


def faults() -> list[Fault]:
    """Of every test file, in the order of the files and of the tests in them. Raises ValueError for a mark whose
    arguments are not as they should be."""
    return [fault for path in sorted(TESTS.rglob("test_*.py")) for fault in _in_file(path)]


def seen(what: str, seconds: float | None) -> str:
    return what if seconds is None else f"{seconds:.1f} s: {what}"


def read_measured() -> dict[str, str]:
    return dict(json.loads(MEASURED.read_text())) if MEASURED.exists() else {}


def write_measured(new: Mapping[str, str]) -> None:
    """Of tests that are no more, nothing is kept."""
    known = {fault.test for fault in faults()}
    kept = {test: text for test, text in (read_measured() | dict(new)).items() if test in known}
    MEASURED.write_text(json.dumps(kept, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def page(text: str) -> str:
    """The page with its tables written anew."""
    measured = read_measured()
    for part in PARTS:
        rows = [fault.row(measured.get(fault.test, "")) for fault in faults() if fault.part == part]
        pattern = re.compile(rf"(<!-- faults: {part} -->\n).*?(<!-- end -->)", re.DOTALL)
        if len(pattern.findall(text)) != 1:
            raise ValueError(f"{PAGE.name} has to have one table of {part}")
        text = pattern.sub(lambda found, rows=rows: f"{found[1]}{HEAD}{''.join(rows)}{found[2]}", text)  # type: ignore[misc]
    return text


def _in_file(path: Path) -> Iterator[Fault]:
    source = path.read_text()
    if "pytest.mark.fault(" not in source:
        return
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for mark in node.decorator_list:
            if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.fault":
                yield _fault(mark, f"{path.relative_to(TESTS.parent).as_posix()}::{node.name}")


def _fault(mark: ast.Call, test: str) -> Fault:
    part, fault, sees = (ast.literal_eval(argument) for argument in mark.args)
    keywords = {keyword.arg: ast.literal_eval(keyword.value) for keyword in mark.keywords}
    within = keywords.pop("within", None)
    if part not in PARTS or keywords:
        raise ValueError(f"{test}: a fault has a part of {', '.join(PARTS)}, two sentences, and within=, no more")
    return Fault(part, fault, sees, within, test)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
    sys.exit(0)
