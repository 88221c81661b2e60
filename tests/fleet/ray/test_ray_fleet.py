"""Three replicas on a Ray of this machine: sessions are spread, and a replica that dies is replaced."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest

from fleet.ray_fleet import end, running_fleet, server_of, servers
from livehead.client import Livehead
from livehead.core.ids import replica_of
from waiting import PATIENCE, patient, until

PUSHED = {"source": "push", "latency": "low"}

BACK_S = 5.0
"""From the death of a replica to the pictures of its calls again."""

REPLACED_S = 20.0


async def taking_sessions(client: httpx.AsyncClient) -> int:
    """Replicas that the ingress knows to be ready: it reads each once a second, and after its start none at first."""
    info = (await client.get("/v1/info")).json()
    return sum(each["answers"] and each["refusal"] is None for each in info.get("replicas", ()))


@pytest.mark.timeout(600)
async def test_a_replica_that_dies_is_replaced_and_its_call_is_back(tmp_path: Path) -> None:
    with running_fleet(tmp_path, "--replicas", "3") as fleet:
        async with httpx.AsyncClient(base_url=fleet.url, timeout=30) as client, Livehead(fleet.url) as server:
            async with patient(10):
                while await taking_sessions(client) < 3:  # noqa: ASYNC110 - another process is waited for
                    await asyncio.sleep(0.1)
            async with server.call(latency="low") as call:
                sessions = [(await client.post("/v1/sessions", json=PUSHED)).json()["session"] for _ in range(7)]
                assert sorted(Counter(map(replica_of, [call.id, *sessions])).values()) == [2, 3, 3]
                async with patient(10):  # what the ingress says is a second old at most
                    while (await client.get("/v1/info")).json()["sessions"]["active"] != 8:  # noqa: ASYNC110
                        await asyncio.sleep(0.1)
                pairs, before, lost = call.media(), call.id, str(replica_of(call.id))
                await anext(pairs)

                os.kill(server_of(lost), signal.SIGKILL)
                killed = time.monotonic()
                while call.id == before:
                    await anext(pairs) if call.state == "live" else await asyncio.sleep(0.01)
                await asyncio.wait_for(anext(pairs), BACK_S * PATIENCE)
                back = time.monotonic() - killed
                assert replica_of(call.id) != lost
                for session in sessions:
                    answer = await client.get(f"/v1/sessions/{session}")
                    assert answer.status_code == (404 if replica_of(session) == lost else 200), answer.text
                await until(lambda: len(fleet.having("ready")) == 3 and lost not in fleet.having("ready"), REPLACED_S)
                replaced = time.monotonic() - killed
                assert back < BACK_S * PATIENCE
                print(f"pictures again after {back:.2f} s, another replica after {replaced:.1f} s")
            for session in sessions:
                await client.delete(f"/v1/sessions/{session}")
        log = fleet.lines()
        assert end(fleet) == 0
    assert not any("Traceback" in line for line in log)
    assert not [pid for pid, variables in servers().items() if f"LIVEHEAD_DATA_DIR={tmp_path / 'data'}" in variables]
