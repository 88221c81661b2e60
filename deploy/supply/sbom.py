"""What each image is made of, as CycloneDX 1.6: the packages of its lock with the hashes of their files and their
licences, the libraries inside them, the modules of the page, and the weights that `livehead models download` fetches.

python deploy/supply/sbom.py FOLDER        # livehead-cpu.cdx.json and livehead-cuda.cdx.json, the same bytes every time

Debian's packages are not in it: they are those of the base image at the time of a build, which lists them itself.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from locks import ROOT, path_of, read
from packaging.utils import canonicalize_name

VERSION = "1.6"
IMAGES = ("cpu", "cuda")
PAGE = ROOT / "THIRD_PARTY_LICENCES.md"
CLIENT = ROOT / "web/client/package.json"
PINS = ROOT / "server/livehead/vendor/sources.toml"


def made_of(image: str) -> dict[str, Any]:
    """The document. Raises ValueError where it does not follow its schema."""
    command = [sys.executable, "-W", "ignore", "-m", "cyclonedx_py", "requirements", str(path_of(image))]
    command += ["--pyproject", str(ROOT / "pyproject.toml"), "--output-reproducible", "--sv", VERSION, "--of", "JSON"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    document: dict[str, Any] = json.loads(said)
    in_image = {each.name for each in read(image) if each.in_image}
    packages = [each for each in document["components"] if canonicalize_name(each["name"]) in in_image]
    licences, libraries = _licences()
    for each in packages:
        name = canonicalize_name(each["name"])
        each.pop("description", None)  # the line of the lock
        each["bom-ref"] = each["purl"] = f"pkg:pypi/{name}@{each['version']}"
        each["licenses"] = [{"expression": licences[name]}]
        if name in libraries:
            each["components"] = [
                {"type": "library", "name": library, "licenses": [{"expression": licence}]}
                for library, licence in libraries[name]
            ]
    document["components"] = [*packages, _client(), *(_weights() if image == "cuda" else ())]
    root = document["metadata"]["component"]
    root["name"], root["version"] = f"livehead-{image}", _client()["version"]
    refs = [each["bom-ref"] for each in document["components"]]
    document["dependencies"] = [{"ref": root["bom-ref"], "dependsOn": refs}, *({"ref": ref} for ref in refs)]
    fault = JsonStrictValidator(SchemaVersion.from_version(VERSION)).validate_str(json.dumps(document))
    if fault is not None:
        raise ValueError(f"{image}: the document does not follow its schema: {fault}")
    return document


def _licences() -> tuple[dict[str, str], dict[str, list[tuple[str, str]]]]:
    """Of each package, and of the libraries in it, as THIRD_PARTY_LICENCES.md has them."""
    packages: dict[str, str] = {}
    libraries: dict[str, list[tuple[str, str]]] = {}
    for line in PAGE.read_text().splitlines():
        if found := re.fullmatch(r"\| ([\w.-]+) \| [\w.!+-]+ \| (.+?) \| (?:cpu|cuda)(?:, cuda)? \|", line):
            packages[found[1]] = found[2]
        elif found := re.fullmatch(r"\| ([\w.-]+) \| (lib\w+ \(.+\)) \|", line):
            libraries[found[1]] = re.findall(r"(lib\w+) \((.+?)\)", found[2])
    return packages, libraries


def _client() -> dict[str, Any]:
    package = json.loads(CLIENT.read_text())
    purl = f"pkg:npm/{package['name']}@{package['version']}"
    licences = [{"license": {"id": package["license"]}}]
    name = {"name": package["name"], "version": package["version"], "description": package["description"]}
    return {"type": "library", **name, "bom-ref": purl, "purl": purl, "licenses": licences}


def _weights() -> Iterator[dict[str, Any]]:
    pins = tomllib.loads(PINS.read_text())
    for each in pins["weights"]:
        repo = pins["repos"][each["repo"]]
        name = f"{repo['id']}/{each['path']}"
        found = {"type": "machine-learning-model", "name": name, "version": repo["revision"], "bom-ref": name}
        if "sha256" in each:
            found["hashes"] = [{"alg": "SHA-256", "content": each["sha256"]}]
        yield found | {"licenses": [{"license": {"id": repo["licence"]}}]}


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for each in IMAGES:
        document = made_of(each)
        path = folder / f"livehead-{each}.cdx.json"
        path.write_text(json.dumps(document, indent=1) + "\n")
        print(f"{path}: {len(document['components'])} components")
