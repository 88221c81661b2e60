"""Good pictures with something changed in them: each becomes a portrait or is refused, and nothing is left behind."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from itertools import islice
from pathlib import Path

import httpx
import psutil
import pytest

from fuzz.portrait_mutations import mutations
from livehead.engine.base import EngineSpec
from livehead.errors import RequestError
from livehead.store.portraits.decoding import PortraitDecoder
from serving import serving

FAKE = EngineSpec("fakes:create", {"size": 64})
OUTCOMES = {"kept", "portrait", "no-face", "animation", "too-large"}
MB = 1 << 20


def run_together(seed: int, count: int) -> dict[str, object]:
    command = [sys.executable, "-m", "fuzz.portrait_mutations", str(seed), str(count)]
    ended = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}, capture_output=True, check=False
    )
    assert ended.returncode == 0, ended.stderr.decode()
    found: dict[str, object] = json.loads(ended.stdout)
    return found


def test_many_in_one_process() -> None:
    """The decoder's program is used for one picture; that it would stand many shows that none breaks it."""
    found = run_together(seed=1, count=150)
    outcomes, memory = found["outcomes"], found["memory"]
    assert isinstance(outcomes, dict)
    assert isinstance(memory, list)
    assert outcomes.keys() <= OUTCOMES
    assert outcomes["kept"] >= 10, outcomes
    assert outcomes["portrait"] >= 30, outcomes
    assert max(memory) - memory[0] < 60 * MB


async def test_some_in_processes_of_their_own() -> None:
    before = await asyncio.to_thread(psutil.Process().children)
    decoder = PortraitDecoder()
    outcomes = await asyncio.gather(*(outcome(decoder, each) for each in mutations(seed=2, count=8)))
    await decoder.close()
    assert set(outcomes) <= OUTCOMES
    assert set(await asyncio.to_thread(psutil.Process().children)) <= set(before)


async def outcome(decoder: PortraitDecoder, data: bytes) -> str:
    try:
        await decoder.prepare(data)
    except RequestError as error:
        return error.problem
    return "kept"


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_a_thousand_uploads_leave_no_process_and_no_memory(tmp_path: Path) -> None:
    statuses: Counter[int] = Counter()
    memory = []
    this = psutil.Process()
    async with (
        serving(FAKE, data_dir=tmp_path, uploads_per_minute=100_000, max_portraits=10_000, min_free_mb=0) as server,
        httpx.AsyncClient(base_url=server.url, timeout=60) as client,
    ):

        async def upload(data: bytes) -> None:
            answer = await client.post("/v1/avatars", files={"image": data}, data={"consent": "yes"})
            statuses[answer.status_code] += 1

        files = mutations(seed=3, count=1000)
        while batch := list(islice(files, 4)):
            await asyncio.gather(*(upload(each) for each in batch))
            if statuses.total() % 100 == 0:
                memory.append(this.memory_info().rss)
        listed = (await client.get("/v1/avatars")).json()
        left = [each for each in this.children(recursive=True) if "livehead.store.portraits.decoder" in each.cmdline()]
    print(statuses, [each // MB for each in memory])
    assert left == []
    assert statuses.keys() <= {201, 413, 422}
    assert statuses[201] > 100
    assert 0 < sum(each["own"] for each in listed) <= statuses[201]
    assert memory[-1] - memory[2] < 30 * MB
