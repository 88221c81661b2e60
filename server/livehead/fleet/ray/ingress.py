"""The Serve deployment ``Ingress``: requests come in at a proxy of Serve on any machine, and go on to the replica that
they are for."""

from __future__ import annotations

import asyncio
from typing import Any

from ray import serve
from starlette.types import ASGIApp

from livehead.fleet.ingress.app import create_ingress
from livehead.fleet.ingress.settings import IngressSettings
from livehead.fleet.ray.directory import CopiedDirectory
from livehead.fleet.ray.link import DirectoryLink
from livehead.fleet.ray.plan import FleetPlan, adopt
from livehead.fleet.ray.replica import has_keys


@serve.ingress()
class ServedIngress:
    """Serve makes the application after the constructor, and runs its lifespan. Any number of these may run: none has
    anything that another one lacks."""

    async def __init__(self, plan: FleetPlan, replicas: Any) -> None:  # type: ignore[misc]  # Serve awaits it
        """``replicas`` is the deployment that Serve runs beside this one; requests do not go through its handle."""
        del replicas
        link = DirectoryLink()
        settings = await asyncio.to_thread(adopt, plan)
        key = None
        if await asyncio.to_thread(has_keys, settings):
            key = (await link.shared()).key
        self._directory = CopiedDirectory()
        self._settings = IngressSettings(
            key=key,
            trusted_proxies=settings.server.trusted_proxies,
            cors_origins=settings.server.cors_origins,
        )
        self._following = asyncio.create_task(self._directory.follow(link))

    def __serve_build_asgi_app__(self) -> ASGIApp:
        return create_ingress(self._directory, self._settings)

    async def check_health(self) -> None:
        """Raises what ended the task that keeps the directory; Serve replaces the ingress then."""
        if self._following.done():
            self._following.result()

    async def __del__(self) -> None:
        self._following.cancel()
        await asyncio.wait([self._following])
