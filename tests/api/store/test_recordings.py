"""A call is recorded, listed, fetched and deleted: by HTTP, as its owner sees it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from statistics import median

import httpx
import pytest
import pytest_asyncio

from api.conftest import FAKE
from caller import Caller
from films import play
from line import Line
from livehead.access.key_file import changing
from livehead.access.keys import new_key
from serving import Served, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    made = {name: new_key(name, "") for name in ("alice", "bob")}
    path = tmp_path_factory.mktemp("keys") / "keys"
    with changing(path) as stored:
        stored += [line for _, line in made.values()]
    return {"file": str(path)} | {name: key for name, (key, _) in made.items()}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(keys: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    folder = tmp_path_factory.mktemp("data")
    async with serving(FAKE, data_dir=folder, keys=keys["file"], max_films=2, min_free_mb=0) as server:
        yield server


def beeps(at: float) -> float:
    return 0.4 if at % 0.5 < 0.2 else 0.0


def client_of(served: Served, credential: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=served.url, headers={"Authorization": f"Bearer {credential}"})


async def test_a_call_is_recorded_listed_fetched_and_deleted(
    served: Served, keys: dict[str, str], tmp_path: Path
) -> None:
    async with client_of(served, keys["alice"]) as alice, client_of(served, keys["bob"]) as bob:
        token = (await alice.post("/v1/tokens", json={"roles": ["open", "view"]})).json()["token"]
        other = (await alice.post("/v1/tokens", json={"roles": ["open", "view"]})).json()["token"]
        async with Caller(beeps) as caller, Line(served.url) as line, client_of(served, token) as page:
            session = await line.call(caller, probe=True, record="film", voice="on", token=token)
            told = await line.next("recording")
            assert told["on"] is True
            recording = told["id"]
            await caller.seen(lambda frames: len(frames) > 60)
            [notice] = [each for each in caller.figures if each["type"] == "recording"]
            assert notice == told
            state = (await page.get(f"/v1/sessions/{session}")).json()
            assert state["record"] == "film"
            assert state["recording"] == {"id": recording, "state": "recording"}
            [listed] = (await page.get("/v1/recordings")).json()
            assert listed["state"] == "recording"
            for method in ("GET", "DELETE"):
                answer = await page.request(method, f"/v1/recordings/{recording}")
                assert answer.status_code == 409
                assert answer.json()["type"] == "urn:livehead:still-recording"
            assert (await page.delete(f"/v1/sessions/{session}")).status_code == 200

            [listed] = (await page.get("/v1/recordings")).json()
            assert (await alice.get("/v1/recordings")).json() == [listed]
            assert listed["id"] == recording
            assert listed["session"] == session
            assert (listed["avatar"], listed["kind"], listed["state"]) == ("default", "film", "done")
            assert listed["seconds"] >= 60 / 25
            answer = await page.get(f"/v1/recordings/{recording}")
            assert answer.status_code == 200
            assert answer.headers["content-type"] == "video/mp4"
            assert answer.headers["content-disposition"].startswith('attachment; filename="livehead-default-20')
            assert len(answer.content) == listed["bytes"]
            part = await page.get(f"/v1/recordings/{recording}", headers={"Range": "bytes=100-199"})
            assert (part.status_code, part.content) == (206, answer.content[100:200])
            (tmp_path / "film.mp4").write_bytes(answer.content)

            async with client_of(served, other) as another_page:
                for stranger in (bob, another_page):
                    assert (await stranger.get("/v1/recordings")).json() == []
                    assert (await stranger.get(f"/v1/recordings/{recording}")).status_code == 404
                    assert (await stranger.delete(f"/v1/recordings/{recording}")).status_code == 404
            assert (await page.delete(f"/v1/recordings/{recording}")).status_code == 204
            assert (await page.get(f"/v1/recordings/{recording}")).status_code == 404
    played = play(tmp_path / "film.mp4")
    assert played.tags["synthetic"] == "true"
    assert abs(listed["seconds"] - len(played.codes) / 25) < 0.02
    assert played.seen
    assert median(map(abs, played.skews())) <= 0.04
    assert not list((served.services.settings.server.data_dir / "recordings").iterdir())


async def test_a_session_by_json_tells_its_recording_and_an_offer_links_to_it(
    served: Served, keys: dict[str, str]
) -> None:
    async with Caller() as caller, client_of(served, keys["alice"]) as alice:
        made = (await alice.post("/v1/sessions", json={"record": "film"})).json()
        assert made["recording"]
        state = (await alice.get(f"/v1/sessions/{made['session']}")).json()
        assert state["recording"] == {"id": made["recording"], "state": "waiting"}
        await alice.delete(f"/v1/sessions/{made['session']}")
        assert (await alice.get("/v1/recordings")).json() == []  # nobody came
        assert (await alice.post("/v1/sessions", json={})).json()["recording"] is None
        answer = await alice.post(
            "/v1/sessions?record=1", content=await caller.offer(), headers={"Content-Type": "application/sdp"}
        )
        assert 'rel="urn:livehead:recording"' in answer.headers["link"]
        await alice.delete(answer.headers["location"])


async def test_no_more_is_recorded_than_may_be_kept(served: Served, keys: dict[str, str]) -> None:
    recordings = served.services.recordings
    identity = served.services.access.identify(keys["alice"], "127.0.0.1")
    async with client_of(served, keys["alice"]) as alice, client_of(served, keys["bob"]) as bob:
        for _ in range(2):
            recordings.begin("film", session="s", avatar="default", opened_by=identity)
        refused = await alice.post("/v1/sessions", json={"record": "film"})
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:livehead:too-many-films")
        assert (await alice.post("/v1/sessions", json={"record": "off"})).status_code == 201
        assert (await bob.post("/v1/sessions", json={"record": "film"})).status_code == 201
