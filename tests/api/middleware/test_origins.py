"""Pages of other sites cannot change anything, though a browser lets them send simple requests unasked."""

from __future__ import annotations

import pytest

from serving import Served
from wire import UPGRADE, ask

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_page_from_elsewhere_opens_no_session(served: Served) -> None:
    lines = ("Host: localhost", "Origin: https://evil.example", "Content-Type: application/sdp")
    answer = await ask(served.url, *lines, method="POST", path="/v1/sessions")
    assert (answer.status, answer.problem) == (403, "origin")
    assert "https://evil.example" in answer.detail
    assert "LIVEHEAD_CORS_ORIGINS" in answer.detail


async def test_nor_a_socket(served: Served) -> None:
    answer = await ask(served.url, "Host: localhost", "Origin: https://evil.example", *UPGRADE, path="/v1/signal")
    assert (answer.status, answer.problem) == (403, "origin")
