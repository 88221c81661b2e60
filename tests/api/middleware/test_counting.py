"""Every answer is counted, whoever gave it."""

from __future__ import annotations

import pytest

from livehead.engine.base import EngineSpec
from serving import serving
from wire import UPGRADE, ask

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_refusals_before_any_route_are_counted_for_sockets_too() -> None:
    async with serving(EngineSpec("fakes:create"), wait=False) as served:
        await ask(served.url, "Host: evil.example")
        await ask(served.url, "Host: evil.example", *UPGRADE, path="/v1/signal")
        await ask(served.url, "Host: localhost", "Origin: https://evil.example", method="PROPFIND", path="/")
        metrics = (await ask(served.url, "Host: localhost", path="/metrics")).body.decode()
    assert 'livehead_http_requests_total{method="GET",status="403"} 2.0' in metrics
    assert 'livehead_http_requests_total{method="OTHER",status="403"} 1.0' in metrics
