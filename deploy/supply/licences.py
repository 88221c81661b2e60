"""THIRD_PARTY_LICENCES.md: what the images are made of, and under which licences.

python deploy/supply/licences.py           # write it anew. Of packages that are not installed here, those of CUDA,
                                           # pip fetches the metadata (make licences)
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from locks import FOLDER, ROOT, Locked, read
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.utils import canonicalize_name

PAGE = ROOT / "THIRD_PARTY_LICENCES.md"
GIVEN: dict[str, Any] = tomllib.loads((FOLDER / "licences.toml").read_text())
SOURCES = ROOT / "server/livehead/vendor/sources.toml"
IMAGES = ("cpu", "cuda")
TOOLS = ROOT / ".venv-supply/bin/python"
"""Whose pip knows the newer fields of metadata."""

HEAD = """# Licences of what the images are made of

Livehead itself is under the [Apache License 2.0](LICENSE). Its wheel, its sdist and the npm package hold no package
of others. The images do: this list is written by `make licences`, from the metadata of the packages in
`deploy/supply/`; [supply chain](docs/operations/supply-chain.md#licences) says what follows from it. The
licences' texts are in the images, in each package's `*.dist-info` folder.
"""


@dataclass(frozen=True, slots=True)
class Row:
    """A package, the SPDX expression of its licence, and the images that it is in."""

    name: str
    version: str
    licence: str
    images: tuple[str, ...]


def rows(fetched: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """Raises ValueError for a package whose licence is not known, or is none of those that we take."""
    found: dict[str, list[str]] = {}
    packages: dict[str, Locked] = {}
    for image in IMAGES:
        for each in read(image):
            if each.in_image:
                found.setdefault(each.name, []).append(image)
                packages[each.name] = each
    made = []
    for name, images in sorted(found.items()):
        fields = installed(packages[name]) or fetched.get(name) or {}
        made.append(Row(name, packages[name].version, licence_of(name, fields), tuple(images)))
        check(made[-1].licence, name, cuda_only=images == ["cuda"])
    return made


def installed(package: Locked) -> dict[str, Any] | None:
    """The fields of the metadata, where that version is installed here."""
    try:
        found = metadata.metadata(package.name)
    except metadata.PackageNotFoundError:
        return None
    if found["Version"].partition("+")[0] != package.version:
        return None
    return {
        "license_expression": found.get("License-Expression"),
        "license": found.get("License"),
        "classifier": found.get_all("Classifier") or [],
    }


def licence_of(name: str, fields: Mapping[str, Any]) -> str:
    """What the metadata say, in the order of how exactly they do. Raises ValueError where they do not."""
    if stated := GIVEN["stated"].get(name):
        return str(stated)
    said = (fields.get("license_expression"), fields.get("license"), *(fields.get("classifier") or ()))
    for each in (GIVEN["words"].get(word, word) for word in said if word):
        try:
            return str(canonicalize_license_expression(each))
        except InvalidLicenseExpression:
            continue
    raise ValueError(f"{name}: no licence that can be read; look it up, and state it in deploy/supply/licences.toml")


def check(licence: str, what: str, *, cuda_only: bool = False) -> None:
    """Raises ValueError for a licence that we do not take."""
    allowed = {*GIVEN["allowed"], *(GIVEN["allowed_for_cuda"] if cuda_only else ())}
    for word in re.findall(r"[A-Za-z0-9.+-]+", licence):
        if word not in allowed | {"AND", "OR", "WITH"}:
            raise ValueError(f"{what}: {word} is none of the licences that we take (deploy/supply/licences.toml)")


@cache
def libraries(name: str) -> tuple[str, ...]:
    """The libraries of others that the installed wheel brings, by the names that licences.toml knows. Raises ValueError
    for one that it does not."""
    files = (Path(str(each)) for each in metadata.files(name) or ())
    names = sorted({each.name for each in files if each.parent.name.endswith(".libs") and ".so" in each.name})
    known: Mapping[str, str] = GIVEN["libraries"]
    found = []
    for each in names:
        match = max((stem for stem in known if each.startswith(stem)), key=len, default=None)
        if match is None:
            raise ValueError(f"{name} brings {each}, whose licence deploy/supply/licences.toml does not have")
        check(known[match], each)
        found.append(match)
    return tuple(dict.fromkeys(found))


def fetch(packages: Iterable[Locked]) -> dict[str, dict[str, Any]]:
    """The metadata of packages, by pip, which need not fetch their wheels for that."""
    wanted = [f"{each.name}=={each.version}" for each in packages]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [TOOLS, "-m", "pip", "install", "--dry-run", "--quiet", "--no-deps", "--ignore-installed"]
        command += ["--only-binary", ":all:", "--report", report, *wanted]
        subprocess.run(command, check=True)
        found = [each["metadata"] for each in json.loads(report.read_text())["install"]]
    return {canonicalize_name(each["name"]): each for each in found}


def page(made: list[Row], brought: Mapping[str, tuple[str, ...]]) -> str:
    """``brought``: the libraries of each package that brings some."""
    lines = [HEAD, "## Packages", "", "| package | version | licence | image |", "| --- | --- | --- | --- |"]
    lines += [f"| {row.name} | {row.version} | {row.licence} | {', '.join(row.images)} |" for row in made]
    lines += ["", "## Libraries inside these packages", "", "| package | libraries |", "| --- | --- |"]
    for name, names in brought.items():
        said = ", ".join(f"{each} ({GIVEN['libraries'][each]})" for each in names)
        lines.append(f"| {name} | {said} |")
    lines += [f"| {name} | {what} |" for name, what in GIVEN["inside"].items()]
    lines += ["", "## Programs", "", "| what | licence |", "| --- | --- |"]
    lines += [f"| {what} | {licence} |" for what, licence in GIVEN["system"].items()]
    lines += ["", "## Fetched later, by whoever asks for it", "", "| what | licence |", "| --- | --- |"]
    return "\n".join([*lines, *_later(), ""])


def _later() -> Iterator[str]:
    """What ``livehead models download`` and ``livehead vendor fetch`` bring."""
    sources = tomllib.loads(SOURCES.read_text())
    for repo in sources["repos"].values():
        yield f"| weights of {repo['id']} | {repo['licence']} |"
    for kind in ("code", "files", "wheels"):
        for each in sources[kind]:
            yield f"| {each.get('repository') or each.get('path') or each['name']} | {each['licence']} |"


if __name__ == "__main__":
    absent = {each.name: each for image in IMAGES for each in read(image) if each.in_image and not installed(each)}
    made = rows(fetch(absent.values()))
    brought = {row.name: libraries(row.name) for row in made if row.name not in absent}
    PAGE.write_text(page(made, {name: found for name, found in brought.items() if found}))
    print(f"{PAGE.name}: {len(made)} packages")
