"""Offers and their answers: the library raises at none that was accepted."""

from __future__ import annotations

import asyncio

from fuzz.loop import wait_for
from fuzz.target import Target
from fuzz.targets.messages import check_refusal
from fuzz.targets.offers import OFFERS, mutate_offer
from livehead.core.limits import MAX_SDP
from livehead.errors import RequestError
from livehead.media.peer.peer import Peer


def run(data: bytes) -> None:
    wait_for(_answer(data.decode("utf-8", "replace")))


async def _answer(text: str) -> None:
    before = asyncio.all_tasks()
    async with Peer() as peer:
        try:
            answer = await peer.answer(text)
        except RequestError as error:
            check_refusal(error)
        else:
            offered = [line.split()[0] for line in text.splitlines() if line.startswith("m=")]
            assert [line.split()[0] for line in answer.splitlines() if line.startswith("m=")] == offered
        assert peer.failure is None
    left = asyncio.all_tasks() - before
    if left:
        await asyncio.wait(left, timeout=1.0)
    assert asyncio.all_tasks() <= before, "tasks were left behind"


TARGET = Target("sdp_answer", run, OFFERS, mutate_offer, MAX_SDP + 64, (60_000, 20.0))
