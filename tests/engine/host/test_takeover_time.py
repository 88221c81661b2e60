"""How soon pictures are back when the worker of live sessions is killed, in real time."""

from __future__ import annotations

import pytest

from gpu.takeover import measure
from livehead.engine.base import EngineSpec
from livehead.engine.choice import PREVIEW

BACK_MS = 1500.0
"""A third of a second on a machine that does nothing else; the machines of tests are busy."""


async def test_pictures_of_all_sessions_are_back_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    found = await measure(EngineSpec(PREVIEW, {"size": 512}), 6, "throughput", settle=1.5, after=3.0)
    with capsys.disabled():
        print(f"\nframes again in all {found['streams']} sessions after {found['back_in_all_ms']} ms")
    assert found["streams"] >= 2
    assert (found["takeovers"], found["never_back"], found["told_down"]) == (1, 0, 0)
    assert found["back_in_all_ms"] < BACK_MS
