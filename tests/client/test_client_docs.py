"""What docs/client.md shows runs as it stands, against a real server."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import pytest_asyncio

from api.conftest import FAKE
from api.doors import SECRET, Credentials
from backend import tone
from ears import talker
from livehead import client as package
from livehead.client import Livehead
from livehead.client.speech.playback import Reason
from pages import ROOT
from serving import Served, serving
from waiting import until

in_module = pytest.mark.asyncio(loop_scope="module")

PAGE = (ROOT / "docs/client.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def key_and_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[str, Served]]:
    path = tmp_path_factory.mktemp("keys") / "keys.json"
    credentials = await asyncio.to_thread(Credentials, path)
    async with serving(FAKE, keys=path, token_secret=SECRET, max_sessions=2) as served:
        yield credentials.alice, served


@pytest_asyncio.fixture(loop_scope="module")
async def server(key_and_server: tuple[str, Served]) -> AsyncIterator[Livehead]:
    key, served = key_and_server
    async with Livehead(served.url, key=key) as server:
        yield server
    await served.settled()


def block(name: str, **known: Any) -> dict[str, Any]:
    """The names of the block that defines ``name``, with what it leaves to the reader."""
    (source,) = [each for each in BLOCKS if f"async def {name}(" in each]
    names = {each: getattr(package, each) for each in package.__all__} | known
    exec(compile(source.replace("\nasyncio.run(main())\n", ""), "docs/client.md", "exec"), names)
    return names


async def join(whep: str, token: str, viewer: Any) -> None:
    headers = {"Content-Type": "application/sdp", "Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient() as http:
        answer = await http.post(whep, content=await viewer.offer(), headers=headers)
    assert answer.status_code == 201, answer.text
    await viewer.accept(answer.text)


class Recogniser:
    """Asks one question, when it has heard half a second."""

    def __init__(self) -> None:
        self.heard = 0

    def hear(self, chunk: bytes) -> str | None:
        before, self.heard = self.heard, self.heard + len(chunk)
        return "What time is it?" if before < 16_000 <= self.heard else None


class Voice:
    def __init__(self) -> None:
        self.asked: list[str] = []

    async def stream(self, text: str) -> AsyncIterator[bytes]:
        self.asked.append(text)
        yield tone(0.5)


@in_module
async def test_a_mouth_and_ears(key_and_server: tuple[str, Served]) -> None:
    key, served = key_and_server
    voice = Voice()
    viewer, _ = talker()
    async with viewer:
        joining: list[asyncio.Task[None]] = []

        def show(whep: str, token: str) -> None:
            joining.append(asyncio.create_task(join(whep, token, viewer)))

        def real(address: str, key: str) -> Livehead:
            assert (address, key) == ("https://head.example", "lh_…")
            return Livehead(served.url, key=alice)

        alice = key
        names = block("main", show_on_the_page=show, recogniser=Recogniser(), voice=voice)
        names["Livehead"] = real
        talking = asyncio.create_task(names["main"]())
        await until(lambda: talking.done() or sum(level > 0.05 for _, level in viewer.levels) >= 15)
        assert not talking.done(), talking.result()
        assert voice.asked == ["What time is it?"]
        served.services.registry.sessions[0].end("deleted")
        await asyncio.wait_for(talking, 5)  # the ears end with the session


@in_module
async def test_speaking_tells_what_was_heard(server: Livehead, capsys: pytest.CaptureFixture[str]) -> None:
    tell = block("tell")["tell"]
    async with server.call() as call:
        await tell(call, tone(0.2))
        assert capsys.readouterr().out == ""
        telling = asyncio.create_task(tell(call, tone(5)))
        await asyncio.sleep(1)
        await call.interrupt()
        await telling
    assert re.fullmatch(r"The user has heard \d+ ms of it\.\n", capsys.readouterr().out)


@in_module
async def test_watching_who_speaks(server: Livehead, capsys: pytest.CaptureFixture[str]) -> None:
    async with server.call() as call:
        watching = asyncio.create_task(block("watch")["watch"](call))
        await asyncio.sleep(0)
        await (await call.speak(tone(0.2))).finished()
        await asyncio.sleep(0.3)
    await asyncio.wait_for(watching, 5)
    assert re.search(r"The portrait is speaking as of block \d+\.\nThe portrait is silent", capsys.readouterr().out)


@in_module
async def test_recording(server: Livehead) -> None:
    taken: list[tuple[np.ndarray, np.ndarray]] = []
    await block("record")["record"](server, tone(0.5), lambda picture, sound: taken.append((picture, sound)))
    assert len(taken) >= 10
    assert any(np.abs(sound.astype(int)).max() > 5000 for _, sound in taken)


@in_module
async def test_errors_are_told(
    key_and_server: tuple[str, Served], server: Livehead, capsys: pytest.CaptureFixture[str]
) -> None:
    attempt = block("try_to_speak")["try_to_speak"]
    async with server.attach("abc") as nobody:
        await attempt(nobody, tone(0.1))
    assert capsys.readouterr().out.startswith("404 urn:livehead:not-found ")
    session = server.session()
    async with session:
        pass
    await attempt(session, tone(0.1))
    assert capsys.readouterr().out == "Open another session.\n"
    async with Livehead("http://127.0.0.1:9", timeout=2) as away, away.attach("abc") as head:
        await attempt(head, tone(0.1))
    assert "running" in capsys.readouterr().out


def test_every_reason_is_documented() -> None:
    rows = PAGE.partition("| `reason` |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `([\w-]+)` \|", rows, flags=re.MULTILINE)) == set(Reason.__args__)


def test_every_block_is_run() -> None:
    source = Path(__file__).read_text()
    for each in BLOCKS:
        assert any(f'block("{name}"' in source for name in re.findall(r"^async def (\w+)\(", each, flags=re.MULTILINE))
