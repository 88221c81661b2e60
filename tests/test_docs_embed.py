"""docs/embed.md names what ``<live-head>`` has: attributes, events, requests and error codes, all of them."""

from __future__ import annotations

import re

from pages import ROOT

CLIENT = ROOT / "web/client"


def section(heading: str, page: str = "docs/embed.md") -> str:
    text = (ROOT / page).read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    assert text, f"{page} has no section {heading}"
    return text


def vocabulary(name: str) -> set[str]:
    """The values of a frozen object in vocabulary.js."""
    source = (CLIENT / "element/vocabulary.js").read_text()
    body = source.partition(f"export const {name} = Object.freeze({{")[2].partition("});")[0]
    return set(re.findall(r': "([\w-]+)"', body))


def first_column(text: str) -> set[str]:
    return set(re.findall(r"^\| `([\w-]+)` \|", text, flags=re.MULTILINE))


def test_every_attribute_is_documented() -> None:
    assert first_column(section("Attributes")) == vocabulary("Attribute") | vocabulary("Reflected")


def test_every_event_is_documented() -> None:
    assert first_column(section("Events")) == vocabulary("LiveEvent")


def test_every_error_code_is_documented() -> None:
    source = (CLIENT / "errors.js").read_text().partition("const words = Object.freeze({")[2]
    codes = set(re.findall(r'^  "?([\w-]+)"?: \{', source, flags=re.MULTILINE))
    rows = re.findall(r"^\| (`.*?) \|", section("Codes", "docs/embed-errors.md"), flags=re.MULTILINE)
    assert codes
    assert {code for row in rows for code in re.findall(r"`([\w-]+)`", row)} == codes


def members(kind: str) -> set[str]:
    """The public methods and properties of a class in the types of the package."""
    body = (CLIENT / "types/index.d.ts").read_text().partition(f"export class {kind} extends HTMLElement {{")[2]
    return set(re.findall(r"^  (?:get )?(?!set )(\w+)[(<]", body.partition("\n}")[0], flags=re.MULTILINE))


def test_every_method_and_property_is_documented() -> None:
    listed = section("Methods and properties")
    named = set(re.findall(r"\blive\.(\w+)", listed)) | vocabulary("Attribute")
    assert members("LiveHead") - {"addEventListener", "removeEventListener"} == named


def test_every_part_is_documented() -> None:
    parts = set(re.findall(r'part="(\w+)"', (CLIENT / "element/shadow.html.js").read_text()))
    listed = section("Attributes").partition("The parts are")[2].partition(":")[0]
    assert set(re.findall(r"`(\w+)`", listed)) == parts


def test_every_request_is_documented() -> None:
    assert set(re.findall(r"`(\w+request)`", section("Your own controls"))) == vocabulary("Request")
