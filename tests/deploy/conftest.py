"""Caddy with deploy/caddy/Caddyfile in front of a real server."""

from __future__ import annotations

import json
import ssl
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from compose_file import DEPLOY, example, services
from programs import free_port, started

from api.conftest import FAKE
from serving import Served, serving

CADDY = Path(sys.executable).with_name("caddy")
CADDYFILE = DEPLOY / "caddy/Caddyfile"
TRUSTED = json.loads(services(example())["livehead"]["environment"]["LIVEHEAD_TRUSTED_PROXIES"])


@dataclass
class Site:
    server: Served
    http_port: int
    https_port: int
    root: Path
    """The certificate of the authority that Caddy is for localhost."""

    @property
    def url(self) -> str:
        return f"https://localhost:{self.https_port}"

    @property
    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.root))

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, verify=self.tls, timeout=60)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[Served]:
    hosts = ("localhost",)
    async with serving(FAKE, trusted_proxies=TRUSTED, allowed_hosts=hosts, open_routes=("metrics",)) as served:
        yield served


@pytest.fixture(scope="module")
def site(server: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("caddy")
    ports = free_port(), free_port()
    environment = {
        "LIVEHEAD_DOMAIN": "localhost",
        "LIVEHEAD_UPSTREAM": server.url.removeprefix("http://"),
        "HTTP_PORT": str(ports[0]),
        "HTTPS_PORT": str(ports[1]),
        "XDG_DATA_HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
    }
    command = [CADDY, "run", "--config", CADDYFILE]
    with started(command, folder / "caddy.log", environment, lambda log: "certificate obtained successfully" in log):
        yield Site(server, *ports, folder / "caddy/pki/authorities/local/root.crt")
