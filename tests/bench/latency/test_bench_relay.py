"""bench latency through a TURN relay alone: the aiortc client, and Chromium."""

from __future__ import annotations

import importlib.util
import json

import pytest

from bench.latency.command import bench
from coturn import relaying
from livehead.bench.latency import client as bench_client
from livehead.bench.latency.client import Client, ClientSpec
from livehead.errors import LiveheadError


async def test_a_server_without_a_relay_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_client, "fetch", lambda *_: [{"urls": ["stun:head.example"]}])
    spec = ClientSpec("http://head.example", None, None, 1.0, 0.0, 0.0, 1, relay=True)
    with pytest.raises(LiveheadError, match="names no TURN relay: set LIVEHEAD_TURN_URLS"):
        await Client(spec, spec.stimulus)._ice_servers()


@pytest.mark.soak
@pytest.mark.parametrize("through", ["aiortc", "chromium"])
def test_the_relay_is_measured_beside_the_direct_way(through: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if through == "chromium" and importlib.util.find_spec("playwright") is None:
        pytest.fail("Playwright is not installed (pip install '.[bench]')")
    with relaying() as relay:
        monkeypatch.setenv("LIVEHEAD_TURN_URLS", json.dumps([relay.url]))
        monkeypatch.setenv("LIVEHEAD_TURN_SECRET", relay.settings["turn_secret"])
        found = {}
        for way, options in {"direct": (), "relayed": ("--relay",)}.items():
            browser = ("--browser",) if through == "chromium" else ()
            done = bench("--engine", "preview", "--size", "256", "--seconds", "6", *browser, *options)
            assert done.returncode == 0, done.stderr
            found[way] = json.loads(done.stdout.splitlines()[-1])
            print(f"{through}, {way}: {found[way]['audio_to_picture_ms']}, fps {found[way]['fps']}")
        assert relay.allocations > 0
    assert [found[way]["conditions"]["relay"] for way in found] == [False, True]
    for figures in found.values():
        assert figures["failed"] == 0
        assert figures["fps"]["mean"] > 10
