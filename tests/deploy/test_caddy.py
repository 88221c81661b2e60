"""deploy/caddy/Caddyfile in front of a real server. For localhost Caddy is a certificate authority itself."""

from __future__ import annotations

import asyncio
import os
from asyncio.subprocess import PIPE

import httpx
import pytest

from caller import Caller
from deploy.conftest import CADDY, CADDYFILE, Site
from line import Line

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_http_is_redirected(site: Site) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"http://localhost:{site.http_port}/?avatar=amara")
    assert (answer.status_code, answer.headers["location"]) == (308, "https://localhost/?avatar=amara")  # 443 outside


async def test_the_page_comes_over_tls_and_remains_there(site: Site) -> None:
    async with site.client() as client:
        page = await client.get("/")
        assert page.status_code == 200
        assert "<live-head" in page.text
        assert page.headers["strict-transport-security"] == "max-age=31536000"
        assert page.headers.get_list("content-security-policy")
        assert (await client.get("/client/index.js")).status_code == 200
        assert (await client.get("/readyz")).json() == {"ready": True}


async def test_metrics_are_for_this_machine_only(site: Site) -> None:
    async with site.client() as client:
        assert [(await client.get(path)).status_code for path in ("/metrics", "/metrics/")] == [404, 404]
        assert (await client.get(f"{site.server.url}/metrics")).status_code == 200


async def test_a_call_is_opened_on_the_signal_socket_by_whom_caddy_saw(site: Site) -> None:
    """Caddy replaces what a client says of its own address, so that none passes for another."""
    claim = {"X-Forwarded-For": "203.0.113.9"}
    async with Caller() as caller, Line(site.url, ssl=site.tls, additional_headers=claim) as line:
        opened_by = site.server.session(await line.call(caller)).opened_by
        assert (opened_by.address, opened_by.behind_proxy) == ("127.0.0.1", False)
        await line.send(type="bye")
        assert (await line.state("closed"))["reason"] == "bye"


async def test_the_file_is_valid_and_formatted() -> None:
    environment = os.environ | {"LIVEHEAD_DOMAIN": "head.example.com"}

    async def said(*words: str) -> str:
        command = [str(CADDY), *words, str(CADDYFILE)]
        process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=PIPE, stderr=PIPE)
        told, wrong = await process.communicate()
        assert process.returncode == 0, wrong.decode()
        return told.decode()

    assert "Valid configuration" in await said("validate", "--config")
    assert await said("fmt") == CADDYFILE.read_text()
