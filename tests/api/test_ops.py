from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time

import httpx
import pytest

from livehead.engine.base import EngineSpec
from serving import Served, serving
from waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_health_and_readiness(client: httpx.AsyncClient) -> None:
    assert (await client.get("/healthz")).status_code == 200
    ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()) == (200, {"ready": True})


async def test_a_server_that_has_failed_is_neither_healthy_nor_ready(
    served: Served, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served.services.registry, "_failure", "its main task ended with KeyError: 'x'")
    health = await client.get("/healthz")
    assert (health.status_code, health.json()["ok"], health.json()["reason"]) == (503, False, "failed")
    assert "KeyError" in health.json()["detail"]
    ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()["reason"]) == (503, "failed")
    assert "Restart" in ready.json()["detail"]


async def test_info_says_what_the_server_is(client: httpx.AsyncClient) -> None:
    info = (await client.get("/v1/info")).json()
    assert info["engine"]["name"] == "fake"
    assert (info["engine"]["fps"], info["engine"]["standby"]) == (25, "off")
    assert info["latency"]["throughput"] == {"hop": 4, "lookahead": 1, "bound_ms": 600, "delay_ms": None}
    sessions = info["sessions"]
    assert (sessions["active"], sessions["max"], sessions["load"]) == (0, 2, 0.0)
    assert sessions["by_preset"]["low"] == {"active": 0, "max": 2, "room": 2}
    assert re.match(r"\d+\.\d+", info["version"])


async def test_metrics_are_prometheus_text(client: httpx.AsyncClient) -> None:
    await client.get("/nowhere")
    answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert "livehead_sessions_max 2.0" in answer.text
    assert "livehead_load 0.0" in answer.text
    assert "livehead_engine_restarts_total 0.0" in answer.text
    assert "livehead_engine_up 1.0" in answer.text
    assert 'livehead_http_requests_total{method="GET",status="404"}' in answer.text


async def test_docs_work_without_a_network(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    assert page.status_code == 200
    assert not re.search(r"(?:src|href)=[\"'](?:https?:)?//", page.text)
    routes = (await client.get("/openapi.json")).json()["paths"]
    assert {"/v1/sessions", "/v1/sessions/{session_id}", "/v1/avatars", "/v1/info", "/readyz"} <= set(routes)


async def test_ice_servers_carry_credentials_that_a_turn_server_accepts(client: httpx.AsyncClient) -> None:
    stun, turn = (await client.get("/v1/ice-servers")).json()
    assert stun == {"urls": ["stun:stun.example.org:3478"]}
    expiry = int(turn["username"].partition(":")[0])
    assert time.time() < expiry <= time.time() + 600
    expected = hmac.new(b"north", turn["username"].encode(), hashlib.sha1).digest()
    assert base64.b64decode(turn["credential"]) == expected


async def test_every_portrait_has_a_frame(client: httpx.AsyncClient) -> None:
    avatars = (await client.get("/v1/avatars")).json()
    assert avatars[0]["id"] == "default"
    for avatar in avatars:
        frame = await client.get(avatar["image"])
        assert frame.status_code == 200
        assert frame.headers["content-type"] == "image/png"
        assert frame.content.startswith(b"\x89PNG")


async def test_the_page_and_its_modules_are_served(client: httpx.AsyncClient) -> None:
    page = await client.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    module = await client.get("/client/protocol.js")
    assert module.status_code == 200
    assert "javascript" in module.headers["content-type"]
    assert (await client.get("/client/../../pyproject.toml")).status_code == 404
    assert (await client.get("/client/%2e%2e/%2e%2e/pyproject.toml")).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/v1/nowhere", 404),
        ("GET", "/v1/avatars/nobody/image", 404),
        ("PUT", "/v1/sessions", 405),
        ("GET", "/v1/sessions", 405),
        ("POST", "/v1/info", 405),
    ],
)
async def test_errors_are_problem_documents(client: httpx.AsyncClient, method: str, path: str, status: int) -> None:
    answer = await client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["type"].startswith("urn:livehead:")
    assert problem["title"]
    assert problem["detail"]


async def test_a_server_that_loads_is_healthy_but_not_ready() -> None:
    async with (
        serving(EngineSpec("fakes:create_slowly", {"seconds": 30}), wait=False) as served,
        httpx.AsyncClient(base_url=served.url) as client,
    ):
        assert (await client.get("/healthz")).status_code == 200
        ready = await client.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["reason"] == "starting"
        assert int(ready.headers["retry-after"]) > 0
        info = (await client.get("/v1/info")).json()
        assert info["engine"]["state"] == "starting"
        refused = await client.post("/v1/sessions", content="v=0", headers={"Content-Type": "application/sdp"})
        assert refused.status_code == 503
        assert refused.json()["type"] == "urn:livehead:starting"


async def test_a_broken_engine_is_named_as_the_reason() -> None:
    async with (
        serving(EngineSpec("fakes:create_broken"), wait=False) as served,
        httpx.AsyncClient(base_url=served.url) as client,
    ):
        await until(lambda: served.services.host.state == "down")
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["reason"]) == (503, "engine-down")


async def test_readyz_says_full_and_draining(served: Served, client: httpx.AsyncClient) -> None:
    admission = served.services.registry.admission
    limit, admission.limit = admission.limit, 0
    try:
        assert (await client.get("/readyz")).json()["reason"] == "full"
    finally:
        admission.limit = limit
