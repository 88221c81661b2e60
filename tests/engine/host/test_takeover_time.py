"""How soon pictures are back when the worker of live sessions is killed, in real time."""

from __future__ import annotations

import pytest

from fault_rows import Recovery
from gpu.takeover import measure
from livehead.engine.base import EngineSpec
from livehead.engine.choice import PREVIEW

BACK_MS = 1500.0
"""A third of a second on a machine that does nothing else; the machines of tests are busy."""


@pytest.mark.fault(
    "engine",
    "The worker of six sessions at the preview engine is killed with another in reserve, without WebRTC",
    "The picture stands still for a moment.",
    within=0.5,
)
async def test_pictures_of_all_sessions_are_back_at_once(
    capsys: pytest.CaptureFixture[str], recovery: Recovery
) -> None:
    found = await measure(EngineSpec(PREVIEW, {"size": 512}), 6, "throughput", settle=1.5, after=3.0)
    with capsys.disabled():
        print(f"\nframes again in all {found['streams']} sessions after {found['back_in_all_ms']} ms")
    assert found["streams"] >= 2
    assert (found["takeovers"], found["never_back"], found["told_down"]) == (1, 0, 0)
    assert found["back_in_all_ms"] < BACK_MS
    recovery(f"frames again in all {found['streams']} sessions", found["back_in_all_ms"] / 1000)
