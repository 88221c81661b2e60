"""Reads every replica about once a second."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import httpx

from livehead.fleet.directory import Directory, Replica
from livehead.fleet.placements import Placements
from livehead.fleet.reading import Reading

READ_S = 2.0
"""How long a replica may take to answer a reading."""

logger = logging.getLogger(__name__)


class Watch:
    """Runs as one task. Replicas are read at the same time, each by a task of its own: a slow one holds up no other.
    One that does not answer ``missed`` readings in a row has none any more."""

    def __init__(
        self,
        directory: Directory,
        placements: Placements,
        client: httpx.AsyncClient,
        *,
        key: str | None,
        period: float,
        missed: int,
    ) -> None:
        self._directory = directory
        self._placements = placements
        self._client = client
        self._headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self._period = period
        self._missed = missed
        self._misses: dict[str, int] = {}
        self._reading: dict[str, asyncio.Task[None]] = {}
        self._untold: set[str] = set()

    async def run(self) -> None:
        """Until it is cancelled."""
        try:
            while True:
                known = self._directory.replicas()
                self._forget({each.name for each in known})
                self._reading = {name: task for name, task in self._reading.items() if not task.done()}
                for each in known:
                    if each.name not in self._reading:
                        self._reading[each.name] = asyncio.create_task(self._read(each), name=f"read-{each.name}")
                await asyncio.sleep(self._period)
        finally:
            tasks = list(self._reading.values())
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks)

    def _forget(self, there: set[str]) -> None:
        for name in self._misses.keys() - there:
            del self._misses[name]
            self._placements.forget(name)

    async def _read(self, replica: Replica) -> None:
        began = time.monotonic()
        try:
            async with asyncio.timeout(READ_S):
                ready, info = await asyncio.gather(
                    self._client.get(f"{replica.url}/readyz"),
                    self._client.get(f"{replica.url}/v1/info", headers=self._headers),
                )
            reading = Reading(_refusal(ready), self._info(replica, info))
        except (httpx.HTTPError, TimeoutError, ValueError) as error:
            self._miss(replica, error)
            return
        if self._misses.get(replica.name, 0) >= self._missed:
            logger.info("replica %s answers again", replica.name)
        self._misses[replica.name] = 0
        self._directory.record(replica.name, reading)
        self._placements.read(replica.name, began)

    def _miss(self, replica: Replica, error: Exception) -> None:
        missed = self._misses.get(replica.name, 0) + 1
        self._misses[replica.name] = missed
        if missed == self._missed:
            reason = str(error) or type(error).__name__
            logger.warning("replica %s at %s does not answer: %s", replica.name, replica.url, reason)
            self._directory.record(replica.name, None)

    def _info(self, replica: Replica, answer: httpx.Response) -> Mapping[str, Any]:
        if answer.status_code == HTTPStatus.OK:
            found = answer.json()
            return found if isinstance(found, dict) else {}
        if replica.name not in self._untold:
            self._untold.add(replica.name)
            logger.warning(
                "replica %s does not say what room it has (%d at /v1/info): give the ingress a key of it",
                replica.name,
                answer.status_code,
            )
        return {}


def _refusal(answer: httpx.Response) -> str | None:
    """Raises ValueError for what is no answer of a server's /readyz."""
    if answer.status_code == HTTPStatus.OK:
        return None
    if answer.status_code != HTTPStatus.SERVICE_UNAVAILABLE:
        raise ValueError(f"/readyz answered {answer.status_code}")
    found = answer.json()
    return str(found.get("reason", "starting")) if isinstance(found, dict) else "starting"
