"""THIRD_PARTY_LICENCES.md lists what is in the images, and nothing is in them whose licence we do not take."""

from __future__ import annotations

import re

import pytest
from supply import locks, program

licences = program("licences")
LISTED = licences.PAGE.read_text()


def listed() -> dict[str, tuple[str, str, str]]:
    """Version, licence and images of each package."""
    found = re.findall(r"^\| ([\w.-]+) \| ([\w.!+-]+) \| (.+?) \| ((?:cpu|cuda)(?:, cuda)?) \|$", LISTED, re.MULTILINE)
    return {name: tuple(rest) for name, *rest in found}


def test_every_package_of_the_images_is_listed() -> None:
    wanted: dict[str, tuple[str, str]] = {}
    for image in licences.IMAGES:
        for each in locks.read(image):
            if each.in_image:
                images = f"{wanted[each.name][1]}, {image}" if each.name in wanted else image
                wanted[each.name] = each.version, images
    assert {name: (version, images) for name, (version, _, images) in listed().items()} == wanted


def test_the_licences_are_those_of_the_installed_packages() -> None:
    """And that of each that is not installed is among those that we take."""
    compared = 0
    for name, (version, licence, images) in listed().items():
        licences.check(licence, name, cuda_only=images == "cuda")
        package = next(each for each in locks.read("cuda") if each.name == name)
        if (fields := licences.installed(package)) is None:
            continue
        compared += 1
        assert licences.licence_of(name, fields) == licence, f"{name} {version}: run make licences"
        for library in licences.libraries(name):
            [line] = re.findall(rf"^\| {name} \| (lib.*) \|$", LISTED, re.MULTILINE)
            assert f"{library} ({licences.GIVEN['libraries'][library]})" in line
    assert compared > 50


def test_copyleft_is_named() -> None:
    for line in ("libx264 (GPL-2.0-or-later)", "libx265 (GPL-2.0-or-later)", "| espeak-ng"):
        assert line in LISTED


@pytest.mark.parametrize("licence", ["AGPL-3.0-only", "MIT AND SSPL-1.0", "LicenseRef-NVIDIA-Proprietary", "UNKNOWN"])
def test_a_licence_that_we_do_not_take_is_refused(licence: str) -> None:
    with pytest.raises(ValueError, match="none of the licences that we take"):
        licences.check(licence, "package")


@pytest.mark.parametrize("fields", [{}, {"license": "BSD"}, {"license": "see LICENSE", "classifier": ["License :: X"]}])
def test_a_package_without_a_clear_licence_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="no licence that can be read"):
        licences.licence_of("package", fields)
