"""The docs say what the code does: every setting is in the table, every relative link leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from livehead import settings

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*/README.md"), *ROOT.glob("tests/**/*.md")])
STAGES = [
    stage
    for stage in vars(settings).values()
    if isinstance(stage, type) and issubclass(stage, BaseSettings) and stage.__module__ == settings.__name__
]


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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
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
