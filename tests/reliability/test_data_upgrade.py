"""A server is started with the data folder of the version before."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from pathlib import Path

import httpx
import pytest

from fault_rows import Recovery
from serving import running
from waiting import patient

BEFORE = Path(__file__).parents[1] / "data" / "kept-0.2.0"
KEY = "lh_" + "A" * 43
"""Its hash is in the key file."""


@pytest.mark.fault(
    "storage",
    "The server is replaced by a newer one, with the data folder as 0.2.0 left it when it was killed",
    "Portraits, films, renders and keys are there; what was being recorded or made is completed.",
)
async def test_upgrade_in_place(tmp_path: Path, recovery: Recovery) -> None:
    data = tmp_path / "data"
    await asyncio.to_thread(shutil.copytree, BEFORE, data)
    record = data / "renders" / "renderdone000000.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"ended": time.time()}))  # kept for a day
    with running(tmp_path, "--engine", "preview", "--size", "256", "--data-dir", str(data)) as server:
        headers = {"Authorization": f"Bearer {KEY}"}
        async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=60) as client:
            [portrait] = [each for each in (await client.get("/v1/avatars")).json() if each["id"].startswith("p-")]
            assert portrait["name"] == "Of 0.2"
            image = await client.get(f"/v1/avatars/{portrait['id']}/image")
            assert image.content == next((data / "portraits").glob("*/portrait.webp")).read_bytes()
            async with patient(30):
                while True:
                    films = {each["id"]: each for each in (await client.get("/v1/recordings")).json()}
                    renders = {each["id"]: each["state"] for each in (await client.get("/v1/renders")).json()}
                    if films["filmcut000000000"]["seconds"] and set(renders.values()) == {"done"}:
                        break
                    await asyncio.sleep(0.1)
            assert {name: (each["state"], each["seconds"]) for name, each in films.items()} == {
                "filmwhole0000000": ("done", 2.0),
                "filmcut000000000": ("cut-short", 2.0),
            }
            assert set(renders) == {"renderdone000000", "renderwaits00000"}
            whole = await client.get("/v1/recordings/filmwhole0000000")
            assert whole.content == (BEFORE / "recordings" / "filmwhole0000000.mp4").read_bytes()
    assert (data / "layout").read_text() == "2\n"
    recovery("1 portrait, 2 films, 2 renders and the key; one film and one render were completed")
