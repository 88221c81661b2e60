"""The way to the fleet's directory, an actor that may be lost and started anew at any time."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import ray
from ray.exceptions import RayError

from livehead.fleet.ray.shared_directory import Report, Secrets, SharedDirectory, View

NAME = "livehead-directory"
NAMESPACE = "livehead"

SECRETS_S = 30.0
"""How long an actor that has just started may wait for replicas that know the fleet's secrets."""

logger = logging.getLogger(__name__)


class DirectoryLink:
    """Calls the actor, and has one started where there is none. Raises ray.exceptions.RayError where it cannot be
    reached now; the next call tries again."""

    def __init__(self) -> None:
        self._actor: Any = None

    async def claim(self, name: str, node: str) -> int:
        found: int = await self._call("claim", name, node)
        return found

    async def report(self, report: Report, known: Secrets | None) -> float | None:
        found: float | None = await self._call("report", report, known)
        return found

    async def leave(self, name: str) -> None:
        await self._call("leave", name)

    async def fail(self, problem: str) -> None:
        await self._call("fail", problem)

    async def shared(self) -> Secrets:
        """The fleet's secrets. Raises TimeoutError where they are not known in time."""
        async with asyncio.timeout(SECRETS_S):
            while True:
                found: Secrets | None = await self._call("share")
                if found is not None:
                    return found
                await asyncio.sleep(1)

    async def renew(self) -> None:
        await self._call("renew")

    async def take(self, owner: str, url: str) -> None:
        await self._call("take", owner, url)

    async def end(self, seconds: float | None) -> None:
        await self._call("end", seconds)

    async def view(self) -> View:
        found: View = await self._call("view")
        return found

    async def _call(self, method: str, *args: object) -> Any:
        try:
            if self._actor is None:
                self._actor = _find()
            return await getattr(self._actor, method).remote(*args)
        except RayError:
            self._actor = None
            raise


def _find() -> Any:
    """The actor, started where it is not there. It takes no processor of the cluster, and comes back by itself when its
    process or its machine is lost."""
    options = {
        "name": NAME,
        "namespace": NAMESPACE,
        "lifetime": "detached",
        "get_if_exists": True,
        "num_cpus": 0,
        "max_restarts": -1,
    }
    return ray.remote(SharedDirectory).options(**options).remote()


def remove() -> None:
    """End the actor, with the fleet."""
    try:
        ray.kill(ray.get_actor(NAME, namespace=NAMESPACE))
    except ValueError:
        logger.debug("there was no directory")
