"""The documentation as a site, built as its workflow builds it. A minute, and the network."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from pages import ROOT

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]


def test_the_site_is_built_and_has_editions(tmp_path: Path) -> None:
    site = tmp_path / "checkout"
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", ROOT, site], check=True)
    for name in ("mkdocs.yml", "Makefile", "docs/requirements.txt"):
        shutil.copy(ROOT / name, site / name)
    made = subprocess.run(["make", "site"], cwd=site, capture_output=True, text=True)
    assert made.returncode == 0, made.stdout + made.stderr
    page = (site / "build/site/deploy/index.html").read_text()
    assert "From an Ubuntu box to a public address" in page
    links = re.findall(r'href="(\.\./docs/[^"#]*)', page)
    assert links
    assert [link for link in links if not (site / "build/site/deploy" / link / "index.html").exists()] == []
    identity = {"GIT_AUTHOR_NAME": "Docs", "GIT_COMMITTER_NAME": "Docs"}
    identity |= {"GIT_AUTHOR_EMAIL": "docs@example.com", "GIT_COMMITTER_EMAIL": "docs@example.com"}
    identity["PATH"] = f"{site / '.venv-docs/bin'}:{os.environ['PATH']}"  # mike runs mkdocs

    def mike(*words: str) -> str:
        done = subprocess.run(
            [site / ".venv-docs/bin/mike", *words], cwd=site, env=os.environ | identity, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    mike("deploy", "--update-aliases", "0.2", "latest")
    assert "0.2 [latest]" in mike("list")
