"""A server with a range of UDP ports: who gets none is refused as where it is full, and ports come back."""

from __future__ import annotations

import httpx
import pytest

from api.conftest import FAKE
from caller import Caller
from serving import serving
from udp_ports import free_ports

SDP = {"Content-Type": "application/sdp"}


async def test_a_range_holds_as_many_clients_as_it_has_ports(caplog: pytest.LogCaptureFixture) -> None:
    ports = free_ports(2)
    given = {"max_sessions": 8, "udp_ports": f"{ports[0]}-{ports[-1]}"}
    async with serving(FAKE, **given) as served, httpx.AsyncClient(base_url=served.url) as client:
        assert (await client.get("/v1/info")).json()["sessions"]["max"] == 2
        async with Caller() as caller, Caller(audio=False) as viewer, Caller(audio=False) as late, Caller() as next_one:
            opened = await client.post("/v1/sessions", content=await caller.offer(), headers=SDP)
            session = opened.headers["location"].rpartition("/")[2]
            joined = await client.post(f"/whep/{session}", content=await viewer.offer(), headers=SDP)
            assert (opened.status_code, joined.status_code) == (201, 201)
            for peer, answer in ((caller, opened), (viewer, joined)):
                assert any(f" {port} typ host" in answer.text for port in ports)
                await peer.accept(answer.text)
                await peer.seen(lambda frames: len(frames) > 3)

            offer = await late.offer()
            for path in (f"/whep/{session}", "/v1/sessions?source=push"):
                refused = await client.post(path, content=offer, headers=SDP)
                assert refused.status_code == 503
                assert int(refused.headers["retry-after"]) > 0
                problem = refused.json()
                assert problem["type"].endswith("full")
                assert f"--udp-ports {ports[0]}-{ports[-1]} are in use" in problem["detail"]
            assert served.services.registry.active == 1

            assert (await client.delete(joined.headers["location"])).status_code == 200
            again = await client.post("/v1/sessions", content=await next_one.offer(), headers=SDP)
            assert again.status_code == 201
            await next_one.accept(again.text)
            await next_one.seen(lambda frames: len(frames) > 3)
        assert not [each for each in caplog.records if each.levelname in ("WARNING", "ERROR")]
