"""The npm package as others use it: packed, installed in a project with React 19, checked by the compiler, bundled."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

import livehead
from browser.site import site
from livehead.engine.base import EngineSpec
from livehead.engine.choice import PREVIEW
from serving import Served, serving
from visiting import ROOT, visiting

CLIENT = ROOT / "web" / "client"
SOURCES = Path(__file__).parent / "react"
NEEDS = {
    "@types/node": "24.19.4",
    "@types/react": "19.3.3",
    "@types/react-dom": "19.3.0",
    "esbuild": "0.28.2",
    "react": "19.3.1",
    "react-dom": "19.3.1",
    "typescript": "5.9.3",
}
COMPILER = {
    "strict": True,
    "noEmit": True,
    "skipLibCheck": False,
    "target": "es2022",
    "module": "esnext",
    "moduleResolution": "bundler",
    "jsx": "react-jsx",
    "types": ["node"],
}


IMPORT = "import * as all from 'livehead'; console.log(Object.keys(all).join())"

PAGE = """<!doctype html><link rel="icon" href="data:,"><div id="root"></div>
<script type="module" src="/app.js"></script>"""


@dataclass
class Project:
    """A folder with the package and React in node_modules."""

    folder: Path

    def run(self, *command: str | Path) -> str:
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=170, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def tool(self, name: str) -> Path:
        return self.folder / "node_modules" / ".bin" / name

    def bundle(self, source: str, *options: str) -> str:
        return self.run(self.tool("esbuild"), source, "--bundle", "--jsx=automatic", "--log-level=warning", *options)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    npm = shutil.which("npm")
    if npm is None:
        pytest.fail("npm is not installed (apt-get install npm)")
    project = Project(tmp_path_factory.mktemp("project"))
    (project.folder / "package").mkdir()
    source = shutil.copytree(CLIENT, project.folder / "package" / "web" / "client")
    shutil.copy(ROOT / "LICENSE", project.folder / "package")
    packed = subprocess.run(
        [npm, "pack", "--silent", "--pack-destination", project.folder],
        cwd=source, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    wanted = NEEDS | {"livehead": f"file:{packed.stdout.strip()}"}
    manifest = {"private": True, "type": "module", "dependencies": wanted}
    (project.folder / "package.json").write_text(json.dumps(manifest))
    (project.folder / "tsconfig.json").write_text(
        json.dumps({"compilerOptions": COMPILER, "files": ["app.tsx", "plain.ts", "render.tsx"]})
    )
    for file in SOURCES.iterdir():
        shutil.copy(file, project.folder)
    project.run(npm, "install", "--no-package-lock", "--no-audit", "--no-fund", "--silent")
    return project


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def served() -> AsyncIterator[Served]:
    async with serving(EngineSpec(PREVIEW, {"size": 256}), cors_origins=["*"]) as served:
        yield served


async def test_it_has_the_version_of_the_server_and_all_modules(project: Project) -> None:
    installed = project.folder / "node_modules" / "livehead"
    assert json.loads((installed / "package.json").read_text())["version"] == livehead.__version__
    modules = {path.relative_to(CLIENT) for path in CLIENT.rglob("*.[jt]s")}
    assert modules == {path.relative_to(installed) for path in installed.rglob("*.[jt]s")}
    assert (installed / "LICENSE").exists()


async def test_the_compiler_knows_the_element(project: Project) -> None:
    project.run(project.tool("tsc"), "--project", project.folder)


async def test_it_is_imported_where_there_is_no_dom(project: Project) -> None:
    names = project.run("node", "--input-type=module", "--eval", IMPORT)
    assert "LiveHead" in names.strip().split(",")
    rendered = project.bundle("render.tsx", "--platform=node", "--format=cjs", "--outfile=render.cjs")
    rendered = project.run("node", "render.cjs")
    assert rendered == '<live-head src="https://head.example/" voice="off" seed="7" controls=""></live-head>'


async def test_react_19_with_a_server_elsewhere(browser: Browser, served: Served, project: Project) -> None:
    bundle = project.bundle("app.tsx", "--format=esm", '--define:process.env.NODE_ENV="production"')
    with site(PAGE, {"/app.js": bundle}) as url:
        async with visiting(browser, f"{url}?server={served.url}", ready="live-head[state=idle]") as visit:
            live = "document.getElementById('live')"
            given = await visit.page.evaluate(
                f"(({{ src, avatar, latency, mode, seed, voice, muted, token, controls }}) =>"
                f" [src, avatar, latency, mode, seed, voice, muted, token, controls])({live})"
            )
            assert given == [served.url, "amara", "low", "push", 7, False, False, "abc", True]
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


async def test_react_survives_a_server_that_is_down(browser: Browser, project: Project) -> None:
    bundle = project.bundle("app.tsx", "--format=esm", '--define:process.env.NODE_ENV="production"')
    with site(PAGE, {"/app.js": bundle}) as url:
        down = f"{url}?server=http://127.0.0.1:9"
        async with visiting(browser, down, ready="live-head[state=idle]", allowed="ERR_|WebSocket") as visit:
            await visit.page.click("#start")
            await visit.state("error")
            words = "connecting error server-unreachable true The server does not answer"
            await visit.until(f"document.getElementById('events').innerText === {words!r}")
