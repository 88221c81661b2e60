"""The same measurement through Chromium and the demo page."""

from __future__ import annotations

import importlib.util
import json

import pytest

from livehead import cli
from visiting import chromium


@pytest.mark.browser
@pytest.mark.may_block("the command has an event loop of its own")
def test_the_page_measures_in_chromium(capsys: pytest.CaptureFixture[str]) -> None:
    chromium()
    options = ("--browser", "--engine", "preview", "--size", "128", "--seconds", "4")
    assert cli.main(["bench", "latency", *options]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert 30 < found["audio_to_picture_ms"]["p50"] < 1000
    assert found["failed"] == 0
    assert found["fps"]["mean"] > 10
    assert found["server"]["rss_mb"] > 50
    assert found["first_picture_ms"]["p50"] > 0


def test_without_playwright_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert cli.main(["bench", "latency", "--browser", "--url", "http://127.0.0.1:9"]) == 1
    assert "pip install 'livehead[bench]'" in capsys.readouterr().err


def test_the_page_knows_no_bad_network_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "latency", "--browser", "--rate", "1000"]) == 2
    assert "--browser can be combined with" in capsys.readouterr().err
