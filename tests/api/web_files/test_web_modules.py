"""Modules as one."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from livehead.api.web import find_web
from livehead.api.web_files.modules import bundle

FILES = {
    "main.js": """import { Dog } from "./animals/index.js";
import { say as tell } from "./say.js";

/** Not sent.
 */
tell(new Dog().name);
tell(String(new Dog() instanceof Dog));
""",
    "say.js": """/** @param {string} words */
export function say(words) {
  console.log(words);
}
export const loud = 1;
""",
    "animals/index.js": """export { Dog, Cat as Tom } from "./all.js";
""",
    "animals/all.js": """import { loud } from "../say.js";
export class Dog {
  name = `Rex ${loud}`;
}
export class Cat {}
""",
}


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder / "main.js"


def run(folder: Path, code: str) -> str:
    node = shutil.which("node")
    if node is None:
        pytest.fail("node is not installed (apt-get install nodejs)")
    (folder / "bundle.mjs").write_text(code)
    return subprocess.run([node, folder / "bundle.mjs"], capture_output=True, text=True, check=True, timeout=20).stdout


def test_the_bundle_does_what_the_modules_do(tmp_path: Path) -> None:
    code = bundle(write(tmp_path, FILES))
    assert run(tmp_path, code) == "Rex 1\ntrue\n"
    assert code.count("class Dog") == 1
    assert "Not sent" not in code


def test_a_module_that_is_awaited_is_in_it(tmp_path: Path) -> None:
    late = 'const { say } = await import("./say.js");\nsay("late");\n'
    entry = write(tmp_path, FILES | {"main.js": f"void (async () => {{ {late} }})();\n"})
    assert run(tmp_path, bundle(entry)) == "late\n"


@pytest.mark.parametrize("line", ["export default 1;", "export let count = 0;", 'import * as all from "./say.js";'])
def test_what_cannot_be_bundled_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(ValueError, match=r"main\.js has a line"):
        bundle(write(tmp_path, FILES | {"main.js": line + "\n"}))


def test_a_circle_is_refused(tmp_path: Path) -> None:
    circle = {"say.js": 'import { Dog } from "./animals/all.js";\nexport const loud = Dog;\n'}
    with pytest.raises(ValueError, match="imports itself"):
        bundle(write(tmp_path, FILES | circle))


def test_the_page_can_be_bundled() -> None:
    web = find_web()
    assert web is not None
    assert "customElements.define" in bundle(web / "demo" / "demo.js")
