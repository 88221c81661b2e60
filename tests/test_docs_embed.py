"""docs/embed.md names what ``<live-head>`` has: attributes, events, requests and error codes, all of them."""

from __future__ import annotations

import re

from pages import ROOT

CLIENT = ROOT / "web/client"


def section(heading: str) -> str:
    text = (ROOT / "docs/embed.md").read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    assert text, f"docs/embed.md has no section {heading}"
    return text


def vocabulary(name: str) -> set[str]:
    """The values of a frozen object in vocabulary.js."""
    source = (CLIENT / "vocabulary.js").read_text()
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
    listed = section("Events").partition("The codes:")[2]
    assert codes
    assert set(re.findall(r"`([\w-]+)`", listed)) == codes


def test_every_request_is_documented() -> None:
    assert set(re.findall(r"`(\w+request)`", section("Your own controls"))) == vocabulary("Request")
