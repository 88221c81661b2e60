"""The pages of the documentation, for the tests of it."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("*/README.md"),
        *ROOT.glob("examples/*/*.md"),
        *ROOT.glob("tests/**/*.md"),
    ]
)
TEXTS = [page for page in PAGES if page.name != "CHANGELOG.md"]
"""The changelog grows, and names what is gone."""


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


each_page = pytest.mark.parametrize("page", PAGES, ids=name_of)
each_text = pytest.mark.parametrize("page", TEXTS, ids=name_of)
