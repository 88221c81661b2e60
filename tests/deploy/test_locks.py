"""What the images are made of is written down, file by file."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from supply import SUPPLY, locks

from pages import ROOT

UNPINNED = ("nvidia-", "cuda-", "triton", "einops", "httpx2-jsfetch")
"""What constraints.txt does not have, as the tests run without: of nearly all of it torch wants one exact version."""


def versions(lock: str) -> dict[str, str]:
    return {each.name: each.version for each in locks.read(lock)}


def pins() -> Mapping[str, str]:
    lines = (line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#"))
    return {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines)}


@pytest.mark.parametrize("lock", locks.LOCKS)
def test_every_line_has_hashes_and_no_address(lock: str) -> None:
    assert len(list(locks.read(lock))) >= len(locks.LOCKS[lock])  # it raises where one has none
    text = (SUPPLY / f"{lock}.txt").read_text()
    assert not any(word in text for word in ("://", "--index", "--extra-index", "--find-links", " @ "))


@pytest.mark.parametrize("lock", locks.LOCKS)
def test_versions_are_those_that_are_tested(lock: str) -> None:
    tested = pins()
    assert {name: tested[name] for name in versions(lock) if name in tested} == {
        name: version for name, version in versions(lock).items() if name in tested
    }


@pytest.mark.parametrize("lock", ["cpu", "cuda"])
def test_an_image_has_nothing_that_is_not_tested(lock: str) -> None:
    assert [name for name in versions(lock) if name not in pins() and not name.startswith(UNPINNED)] == []


@pytest.mark.parametrize("lock", ["cpu", "cuda"])
def test_an_image_lacks_nothing(lock: str) -> None:
    """As the installed packages themselves say what they need."""
    locked = {each.name for each in locks.read(lock) if each.in_image}
    waiting = [Requirement(line) for line in locks.LOCKS[lock]]
    seen = set()
    while waiting:
        requirement = waiting.pop()
        key = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if key in seen:
            continue
        seen.add(key)
        assert key[0] in locked
        try:
            lines = metadata.requires(requirement.name) or []
        except metadata.PackageNotFoundError:
            continue  # of CUDA
        for each in map(Requirement, lines):
            given = [locks.IMAGE | {"extra": extra} for extra in (*requirement.extras, "")]
            if each.marker is None or any(map(each.marker.evaluate, given)):
                waiting.append(each)
    assert len({name for name, _ in seen}) > 40


@pytest.mark.parametrize(
    "line",
    [
        "av>=18 --hash=sha256:" + 64 * "0",
        "av==18.1.0",
        "av==18.1.0 --hash=md5:" + 32 * "0",
        "av @ https://example.com/av.whl --hash=sha256:" + 64 * "0",
        "--index-url https://example.com",
    ],
)
def test_a_line_without_a_version_or_a_hash_is_none(line: str, tmp_path, monkeypatch) -> None:
    (tmp_path / "cpu.txt").write_text(line + "\n")
    monkeypatch.setattr(locks, "FOLDER", tmp_path)
    with pytest.raises(ValueError, match="is no package"):
        list(locks.read("cpu"))
