"""Three renders beside a live call, at the preview engine on whatever cores there are: the call notices nothing, and
the films get done."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from caller import Caller, tone
from line import Line
from serving import Process
from waiting import patient, until

SPEECH = Path(__file__).parents[1] / "data" / "speech.flac"
SETTLE_S = 3.0


async def ask(client: httpx.AsyncClient, audio: bytes) -> None:
    answer = await client.post("/v1/renders", files={"audio": audio}, data={"avatar": "amara"})
    assert answer.status_code == 202, answer.text


async def ends(client: httpx.AsyncClient, within: float) -> list[dict[str, Any]]:
    async with patient(within):
        while True:
            found = (await client.get("/v1/renders")).json()
            if not any(each["state"] in ("queued", "running") for each in found):
                return list(found)
            await asyncio.sleep(0.25)


def figures(caller: Caller) -> dict[str, Any]:
    """The latest that the call was told."""
    return [each for each in caller.figures if each["type"] == "stats"][-1]


@pytest.mark.soak
async def test_a_call_keeps_its_figures_while_three_films_are_made(server: Process) -> None:
    audio = await asyncio.to_thread(SPEECH.read_bytes)
    async with (
        Caller(tone) as caller,
        Line(server.url) as line,
        httpx.AsyncClient(base_url=server.url, timeout=20) as client,
    ):
        await line.call(caller)
        await line.state("live")
        await asyncio.sleep(SETTLE_S)
        await until(lambda: any(each["type"] == "stats" for each in caller.figures))
        before = figures(caller)
        await asyncio.gather(*(ask(client, audio) for _ in range(3)))
        done = await ends(client, within=40)
        after = figures(caller)
    assert [each["state"] for each in done] == ["done"] * 3
    sent = after["k"] - before["k"]
    lost = sum(after[name] - before[name] for name in ("repeated", "dropped", "skipped"))
    assert sent > 100
    assert lost <= 0.03 * sent
    assert after["delay_ms"] <= before["delay_ms"] + 40
