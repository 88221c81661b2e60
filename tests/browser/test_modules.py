"""The JavaScript by itself: types, and the modules that know no browser."""

from __future__ import annotations

import re
from pathlib import Path

from npm import compiler, run

ROOT = Path(__file__).parents[2]
WEB = ROOT / "web"
UNIT = Path(__file__).parent / "unit"


def test_the_types_hold() -> None:
    run(WEB, "node", compiler(), "--project", WEB)


def test_the_pure_modules() -> None:
    run(WEB, "node", "--test", *sorted(UNIT.glob("*.test.js")))


def test_nothing_is_loaded_from_elsewhere() -> None:
    elsewhere = re.compile(r"""(src|href)="(https?:)?//|url\(["']?https?:|(from|import\() ?["'](https?:)?//""")
    for file in [*WEB.glob("client/**/*"), *WEB.glob("demo/*"), *WEB.glob("docs/*")]:
        if file.suffix in (".js", ".css", ".html", ".svg"):
            code = "\n".join(
                line for line in file.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("*")
            )
            assert not elsewhere.search(code), f"{file.name} loads something from another site"


def test_nothing_is_inline() -> None:
    """The server's Content-Security-Policy would keep it from running; what a page does at run time, the tests of
    pages hear."""
    in_markup = re.compile(r"<style|<script(?![^>]*\bsrc=)|\s(style|on[a-z]+)=|javascript:", re.IGNORECASE)
    in_code = re.compile(r"""\.cssText|setAttribute\(["'](style|on)|\beval\(|new Function\(|document\.write""")
    for file in WEB.glob("[cd]*/*.html"):
        assert not in_markup.search(file.read_text(encoding="utf-8")), f"{file.name} has something inline"
    for file in WEB.glob("[cd]*/**/*.js"):
        assert not in_code.search(file.read_text(encoding="utf-8")), f"{file.name} makes something inline"
