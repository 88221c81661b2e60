"""DNS rebinding: a page of evil.example whose name points at this machine calls us as its own origin."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from livehead.engine.base import EngineSpec
from serving import Served, serving
from wire import UPGRADE, ask

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def local() -> AsyncIterator[Served]:
    async with serving(
        EngineSpec("fakes:create"), wait=False, allowed_hosts=["head.example", "*.shop.example"]
    ) as served:
        yield served


REBOUND = ("Host: evil.example:8080", "Origin: http://evil.example:8080")


async def test_a_page_whose_name_was_pointed_here_opens_no_session(local: Served) -> None:
    answer = await ask(local.url, *REBOUND, "Content-Type: application/sdp", method="POST", path="/v1/sessions")
    assert (answer.status, answer.problem) == (403, "host")
    assert "evil.example" in answer.detail
    assert "LIVEHEAD_ALLOWED_HOSTS" in answer.detail


async def test_nor_a_socket(local: Served) -> None:
    answer = await ask(local.url, *REBOUND, *UPGRADE, path="/v1/signal")
    assert (answer.status, answer.problem) == (403, "host")
