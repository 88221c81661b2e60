"""No offer within the bounds holds the event loop for long: the costliest that a search finds, in lines of Python
executed instead of time."""

from __future__ import annotations

import asyncio
import contextlib
import random
from pathlib import Path

import pytest
from costly_offers import costliest, lines_executed

from executed_lines import executed_lines
from livehead.errors import RequestError
from livehead.media.peer.offer import read_offer
from livehead.media.peer.peer import Peer
from livehead.media.peer.sdp_bounds import check_bounds

MOST = 200_000
"""Lines of Python in one turn of the event loop: 10 ms on an ordinary core. A browser's offer takes up to 20,000."""

TRIES = 150


@pytest.fixture(scope="module")
def found() -> tuple[float, str]:
    return costliest(lines_executed, random.Random(1), lambda tries: tries < TRIES)


def test_the_costliest_offer_is_read_within_the_bound(found: tuple[float, str]) -> None:
    lines, text = found
    check_bounds(text)
    assert 4 * lines_executed(browser("chromium")) < lines <= MOST


@pytest.mark.parametrize("name", ["chromium", "firefox", "safari"])
async def test_answering_holds_the_loop_for_no_longer(
    found: tuple[float, str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each turn of the loop from the offer to the checks, after a first call that loads what is loaded once."""
    async with Peer(voice=True) as peer:
        await peer.answer(browser(name))
    turns: list[int] = []
    run = asyncio.Handle._run

    def counted(handle: asyncio.Handle) -> None:
        with executed_lines() as count:
            run(handle)
        turns.append(count.lines)

    monkeypatch.setattr(asyncio.Handle, "_run", counted)
    for text in (browser(name), found[1]):
        async with Peer(voice=True) as peer:
            with contextlib.suppress(RequestError):
                await peer.answer(text)
            await asyncio.sleep(0.05)
    monkeypatch.undo()
    assert max(turns) <= MOST


@pytest.mark.parametrize("name", ["chromium", "firefox", "safari"])
def test_what_aiortc_parses_again_is_short(name: str) -> None:
    """However long the offer was, and the same each time."""
    text = browser(name)
    checked = read_offer(text)
    padded = read_offer(
        text.replace("a=rtcp-mux\r\n", "a=rtcp-mux\r\n" + "a=x\r\na=extmap:9 x\r\na=ssrc:1 cname:x\r\n" * 40)
    )
    assert padded == checked
    assert len(checked.text) < 2500
    assert read_offer(checked.text).text == checked.text


def browser(name: str) -> str:
    return (Path(__file__).parent / "offers" / f"{name}.sdp").read_bytes().decode()
