"""The event loop is never held for long, by any input: what holds it is timed in processor time of its own thread."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from pathlib import Path

import httpx
import pytest
from loop_inputs import INPUTS, Visitors, keys
from watched_server import WatchedServer, watched

from fault_rows import Recovery
from waiting import PATIENCE, patient

TESTS = Path(__file__).parents[1]
sys.path.append(str(TESTS / "media" / "peer"))

from costly_offers import costliest, lines_executed  # noqa: E402

MOST_MS = 20.0
"""In 999 of 1,000 looks; a tick is due every 40 ms."""

OPEN = {
    "LIVEHEAD_MAX_SESSIONS_PER_ADDRESS": "1000",
    "LIVEHEAD_MAX_PENDING_PER_ADDRESS": "1000",
    "LIVEHEAD_MAX_CONNECTIONS_PER_ADDRESS": "1000",
    "LIVEHEAD_OFFERS_PER_SECOND": "1000",
    "LIVEHEAD_TOKENS_PER_SECOND": "1000",
    "LIVEHEAD_UPLOADS_PER_MINUTE": "1000",
    "LIVEHEAD_MAX_VIEWERS": "64",
}
"""Limits for one client do not protect from many clients."""

TRIES = 30
COLLECTED_S = 6.5
"""After that long without a call what the last ones left behind was collected (livehead/garbage.py)."""


async def gone(server: WatchedServer, key: str) -> None:
    """Wait until the clients of the last input have left."""
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {key}"}) as client, patient(20):
        while (await client.get(f"{server.url}/v1/info")).json()["sessions"]["active"]:  # noqa: ASYNC110
            await asyncio.sleep(0.2)


async def drive(folder: Path, scale: float, pause: float) -> dict[str, tuple[float, float, int]]:
    """For each input how long the loop was held at most and in 999 of 1,000 looks, in ms, and the number of looks."""
    credentials, setting = keys()
    offer = costliest(lines_executed, random.Random(2), lambda tries: tries < TRIES)[1]
    found: dict[str, tuple[float, float, int]] = {}
    with watched(folder, "--size", "64", large=True, **OPEN, LIVEHEAD_API_KEYS=setting) as server:
        visitors = Visitors(server.url, credentials, offer, scale)
        for name, send in INPUTS.items():
            await asyncio.to_thread(server.held)
            await send(visitors)
            await asyncio.sleep(0.3)
            held = await asyncio.to_thread(server.held)
            found[name] = held.longest, held.p999, held.looks
            print(
                f"{name:58} {held.longest:6.1f} ms at most, {held.p999:6.1f} ms p99.9, {held.looks} looks", flush=True
            )
            await gone(server, visitors.key)
            await asyncio.sleep(pause)
        assert await asyncio.to_thread(server.process.poll) is None
        assert "Traceback" not in server.log.read_text()
    return found


def _most(found: dict[str, tuple[float, float, int]], which: int) -> float:
    return max(each[which] for each in found.values())


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.fault(
    "load",
    "A hundred clients at once send the server the most that it takes, of every kind.",
    "Nothing: the event loop goes on with the calls.",
)
async def test_no_input_holds_the_event_loop(tmp_path: Path, recovery: Recovery) -> None:
    found = await drive(tmp_path, 1.0, COLLECTED_S)
    print(json.dumps({name: [round(each, 1) for each in figures] for name, figures in found.items()}, indent=1))
    assert _most(found, 1) <= MOST_MS * PATIENCE
    recovery(f"held for {_most(found, 1):.0f} ms of processor time at p99.9, {_most(found, 0):.0f} ms at most")


async def test_the_same_with_few_clients(tmp_path: Path) -> None:
    found = await drive(tmp_path, 0.1, 0.0)
    assert _most(found, 1) <= MOST_MS * PATIENCE
    assert min(looks for _, _, looks in found.values()) > 20, "the watch did not look"
