"""The npm package as others use it: packed, installed by npm, checked by the compiler, built by Vite with React 19."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import pytest
from playwright.async_api import Browser

import livehead
from browser.site import folder, site
from npm import CLIENT, Project
from serving import Served
from visiting import visiting

SOURCES = Path(__file__).parent / "react"
IMPORT = "import * as all from 'livehead'; console.log(Object.keys(all).join())"
MOST_BYTES = 30_000


@pytest.fixture(scope="module")
def project(tools: Path, package: Path) -> Project:
    project = Project.of(tools, "package", package)
    shutil.copytree(SOURCES, project.folder, dirs_exist_ok=True)
    return project


@pytest.fixture(scope="module")
def app(project: Project) -> dict[str, str]:
    """The files of the React app."""
    project.run("vite", "build", "--logLevel", "warn")
    return folder(project.folder / "dist")


async def test_it_has_the_version_of_the_server_and_all_modules(project: Project) -> None:
    installed = project.package
    assert json.loads((installed / "package.json").read_text())["version"] == livehead.__version__
    modules = {path.relative_to(CLIENT) for path in CLIENT.rglob("*.[jt]s")}
    assert modules == {path.relative_to(installed) for path in installed.rglob("*.[jt]s")}
    assert (installed / "LICENSE").exists()


async def test_it_is_small(project: Project) -> None:
    """As an embedder's bundler gives it: minified, every module of it, what is loaded later, too."""
    options = ("--bundle", "--minify", "--format=esm", "--splitting", "--outdir=small", "--log-level=warning")
    project.run("esbuild", project.package / "index.js", *options)
    size = sum(len(gzip.compress(file.read_bytes(), 9)) for file in (project.folder / "small").iterdir())
    plain = b"".join(file.read_bytes() for file in sorted(project.package.rglob("*.js")))
    print(f"{size} bytes minified and gzipped; with names and comments {len(gzip.compress(plain, 9))}")
    assert size < MOST_BYTES


@pytest.mark.soak
async def test_the_compiler_knows_the_element(project: Project) -> None:
    project.run("tsc")


async def test_it_is_imported_where_there_is_no_dom(browser: Browser, project: Project) -> None:
    """What a server rendered is taken up by the browser, where it is done as docs/embed-frameworks.md says."""
    names = project.run("node", "--input-type=module", "--eval", IMPORT)
    assert "LiveHead" in names.strip().split(",")
    options = ("--bundle", "--jsx=automatic", "--log-level=warning")
    project.run("esbuild", "render.tsx", *options, "--platform=node", "--format=cjs", "--outfile=render.cjs")
    plain, rendered = project.run("node", "render.cjs").splitlines()
    assert plain == '<live-head src="https://head.example/" voice="off" seed="7" controls=""></live-head>'
    script = project.run("esbuild", "hydrate.tsx", *options, '--define:process.env.NODE_ENV="production"')
    page = f'<link rel="icon" href="data:,"><div id="root">{rendered}</div><script type="module" src="app.js"></script>'
    with site(page, {"/app.js": script}) as url:
        async with visiting(browser, url, ready="#portrait live-head", allowed="WebSocket") as visit:
            assert await visit.page.evaluate("document.querySelector('live-head').token()") == "x"
            await visit.page.evaluate("void document.querySelector('live-head').start().catch(() => {})")
            await visit.until("document.title.startsWith('connecting')")


async def test_react_19_with_a_server_elsewhere(browser: Browser, served: Served, app: dict[str, str]) -> None:
    with site(app["/index.html"], app) as url:
        async with visiting(browser, f"{url}?server={served.url}", ready="live-head[state=idle]") as visit:
            live = "document.getElementById('live')"
            given = await visit.page.evaluate(
                f"(({{ src, avatar, latency, mode, seed, voice, muted, token, record, controls }}) =>"
                f" [src, avatar, latency, mode, seed, voice, muted, token, record, controls])({live})"
            )
            assert given == [served.url, "amara", "low", "push", 7, False, False, "abc", "off", True]
            assert await visit.page.evaluate(f"{live}.offsetWidth") == 320, "in a row of a flex box it has a size"
            await visit.page.click("#forget")
            await visit.until(f"{live}.token === undefined")
            await visit.page.click("#start")
            await visit.state("live")
            await visit.until("document.getElementById('events').innerText === 'connecting live ready'")
            assert await visit.text("#session") == await visit.page.evaluate(f"{live}.sessionId")
            await visit.page.click("#voice")
            await visit.until(f"{live}.voice === true && !{live}.video.muted")
            assert await visit.page.evaluate(f"{live}.state") == "live"


@pytest.mark.soak
async def test_react_survives_a_server_that_is_down(browser: Browser, app: dict[str, str]) -> None:
    with site(app["/index.html"], app) as url:
        down = f"{url}?server=http://127.0.0.1:9"
        async with visiting(browser, down, ready="live-head[state=idle]", allowed="ERR_|WebSocket") as visit:
            await visit.page.click("#start")
            await visit.state("error")
            words = "connecting error server-unreachable true The server does not answer"
            await visit.until(f"document.getElementById('events').innerText === {words!r}")
