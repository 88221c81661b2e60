"""examples/react, built as its page says, with the packed file."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from playwright.async_api import Browser

from browser.site import folder, site
from npm import QUIET, Project, npm, packed, run
from serving import Served
from visiting import ROOT, visiting

EXAMPLE = ROOT / "examples" / "react"


def copied(to: Path) -> Path:
    return shutil.copytree(EXAMPLE, to, dirs_exist_ok=True, ignore=shutil.ignore_patterns("node_modules", "dist"))


@pytest.mark.soak
async def test_it_is_built_and_talks(
    browser: Browser, served: Served, tools: Path, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VITE_LIVEHEAD", served.url)
    project = Project.of(tools, "react", package)
    copied(project.folder)
    project.run("npm", "run", "build")
    files = folder(project.folder / "dist")
    with site(files["/index.html"], files) as url:
        async with visiting(browser, url, ready="live-head[state=idle]") as visit:
            await visit.page.select_option("select", "amara")
            await visit.page.click("text=Talk")
            await visit.page.wait_for_selector("[role=status][data-state=live]")
            session = served.session(await visit.page.evaluate("document.querySelector('live-head').sessionId"))
            assert session.describe()["avatar"] == "amara"
            await visit.page.click("text=Interrupt")  # enabled while the portrait speaks, which the microphone lets it
            await visit.shot("example-react")
            await visit.page.click("text=Stop")
            await visit.page.wait_for_selector("[role=status][data-state=closed]")
    await served.idle()


@pytest.mark.soak
async def test_every_step_of_its_page(tmp_path: Path) -> None:
    """Without what other tests have installed already; some minutes on a slow network."""
    example = copied(tmp_path / "examples" / "react")
    commands = re.findall(r"^    (npm .*?)(?: +#.*)?$", (example / "README.md").read_text(), re.MULTILINE)
    assert commands == ["npm pack ../../web/client", "npm install", "npm run build", "npm run preview"]
    shutil.copy(packed(tmp_path), example)
    run(example, npm(), "install", *QUIET)
    run(example, npm(), "run", "build")
    assert (example / "dist" / "index.html").exists()
