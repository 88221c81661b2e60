"""The Serve deployment ``Replica``: a server of the fleet, as a child process of a Ray actor."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
from collections.abc import Iterable

import httpx
import ray
from ray import serve
from ray.exceptions import RayError

from livehead.access.access import find_key_file
from livehead.access.exposure import is_loopback
from livehead.access.keys import StoredKey
from livehead.fleet.directory import ReplicaState
from livehead.fleet.ray.autoscaling import LOAD, PLACES
from livehead.fleet.ray.folder import SharedFolder
from livehead.fleet.ray.link import DirectoryLink
from livehead.fleet.ray.plan import DRAIN_S, FleetPlan, adopt
from livehead.fleet.ray.shared_directory import Report, Secrets
from livehead.fleet.reading import Reading
from livehead.fleet.replica import ReplicaError, ReplicaOptions, ReplicaProcess
from livehead.settings import Settings

REPORT_S = 1.0
"""How often the shared directory hears of a replica."""

AGAIN_S = 10.0
"""How long Serve waits before it tries again to start a replica that did not. Whoever started the fleet can read why,
and end it, before Serve's own account of it fills the log."""

KEY_NAME = "fleet"
"""The name of the key that the ingresses read /v1/info with."""

UNSET = ("OMP_NUM_THREADS",)
"""Ray gives these to its workers, for work of another kind."""

logger = logging.getLogger(__name__)


class ServedReplica:
    """Serve makes it, asks it whether it is well, asks for its load, and lets it drain.

    The sessions of a replica are at the child process, which the ingresses reach directly. So a replica that Serve
    stops goes on serving those that it has, for as long as ``__del__`` takes.
    """

    async def __init__(self, plan: FleetPlan) -> None:  # type: ignore[misc]  # Serve awaits it
        """Raises ReplicaError where the server does not start; the shared directory is told why."""
        self._link = DirectoryLink()
        self._secrets: Secrets | None = None
        self._reading = Reading()
        self._lost: str | None = None
        self._state: ReplicaState = "starting"
        self._tasks: list[asyncio.Task[None]] = []
        self._ending: asyncio.Task[None] | None = None
        name = serve.get_replica_context().replica_id.unique_id.lower()
        try:
            self._process = ReplicaProcess(await self._options(name, plan))
            await self._process.start()
        except Exception as error:
            await self._tell(error)
            await asyncio.sleep(AGAIN_S)
            if hasattr(self, "_process"):
                await self._process.close()
            raise
        self._state = "ready"
        self._tasks = [asyncio.create_task(self._watch()), asyncio.create_task(self._report())]

    async def check_health(self) -> None:
        """Raises ReplicaError for one that is lost; Serve replaces it then."""
        if self._lost is not None:
            raise ReplicaError(f"Replica {self._process.name} is lost: {self._lost}.")

    async def record_autoscaling_stats(self) -> dict[str, float]:
        """What is given away, of the engine or of the sessions that the settings allow, and how many fit in all.
        Nothing before the server has said that."""
        most = self._reading.most
        if most is None:
            return {}
        return {LOAD: max(self._reading.load or 0.0, self._reading.active / most), PLACES: float(most)}

    async def __del__(self) -> None:
        """Drains: the server takes no more sessions, and ends with the last of those that it has."""
        if self._tasks:
            self._state = "draining"
            await self._process.drain()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
            await self._leave()

    async def _options(self, name: str, plan: FleetPlan) -> ReplicaOptions:
        settings = await asyncio.to_thread(adopt, plan)
        given = plan.settings | {"drain_seconds": str(DRAIN_S)}
        node = ray.util.get_node_ip_address()
        self._folder = SharedFolder(settings.server.data_dir, name)
        others = [each.name for each in (await self._link.view()).replicas if each.node != node]
        await asyncio.to_thread(self._folder.join, [] if settings.store.bucket else others, node)
        self._slot = await self._link.claim(name, node)
        if settings.media.ports is not None:
            given["udp_ports"] = share_ports(settings.media.ports, self._slot, _share_of_node(plan))
        here = await asyncio.to_thread(is_loopback, settings.server.host)
        given["trusted_proxies"] = _listed({*settings.server.trusted_proxies, "127.0.0.1", "::1", *_nodes()})
        if await asyncio.to_thread(has_keys, settings):
            self._secrets = secrets = await self._link.shared()
            key = StoredKey(KEY_NAME, hashlib.sha256(secrets.key.encode()).hexdigest())
            given["api_keys"] = _listed((*settings.access.api_keys, str(key)))
            given["token_secret"] = settings.access.token_secret or secrets.token_secret
        environment = {each: value for each, value in os.environ.items() if each not in UNSET}
        return ReplicaOptions(name, "127.0.0.1" if here else node, given, environment, ready_seconds=plan.ready_seconds)

    async def _watch(self) -> None:
        """A replica that is lost ends its actor, which Serve notices at its next look: it starts another one then. A
        health check that fails would take three of them."""
        how = await self._process.watch()
        await self._leave()
        if self._state == "ready":
            self._lost = how
            logger.error("replica %s is lost: %s", self._process.name, how)
            ray.kill(ray.get_runtime_context().current_actor)

    async def _report(self) -> None:
        """Until it is cancelled: reads what the server says about itself, and tells the shared directory."""
        headers = {} if self._secrets is None else {"Authorization": f"Bearer {self._secrets.key}"}
        url, node = self._process.url, ray.util.get_node_ip_address()
        async with httpx.AsyncClient(trust_env=False, timeout=REPORT_S, headers=headers) as client:
            while self._lost is None:
                self._reading = await _read(client, url) or self._reading
                try:
                    seconds = await self._link.report(
                        Report(self._process.name, url, self._state, node, self._slot), self._secrets
                    )
                except RayError as error:
                    logger.warning("the fleet's directory cannot be reached, and is started anew: %s", error)
                else:
                    if seconds is not None and self._ending is None:
                        self._state = "draining"
                        self._ending = asyncio.create_task(self._process.drain(seconds))
                await asyncio.sleep(REPORT_S)

    async def _leave(self) -> None:
        await asyncio.to_thread(self._folder.leave)
        try:
            await self._link.leave(self._process.name)
        except RayError as error:
            logger.warning("the fleet's directory cannot be told that replica %s ended: %s", self._process.name, error)

    async def _tell(self, problem: Exception) -> None:
        try:
            await self._link.fail(str(problem) or type(problem).__name__)
        except RayError as error:
            logger.warning("the fleet's directory cannot be told that a replica did not start: %s", error)


def has_keys(settings: Settings) -> bool:
    """Reads files. Whether the servers are closed to those without a key."""
    return bool(settings.access.api_keys) or find_key_file(settings) is not None


def share_ports(ports: range, slot: int, shares: int) -> str:
    """The UDP ports of one of the replicas on a machine, as the setting has them. Raises ReplicaError where there are
    none for it."""
    each = len(ports) // shares
    if each == 0 or slot >= shares:
        raise ReplicaError(
            f"--udp-ports {ports[0]}-{ports[-1]} has no ports for replica {slot + 1} of a machine that may have "
            f"{shares}: give a larger range; every client takes a port."
        )
    return f"{ports[slot * each]}-{ports[slot * each + each - 1]}"


def _share_of_node(plan: FleetPlan) -> int:
    """How many replicas a machine may have at once, those included that drain."""
    if plan.gpus_per_replica:
        cards = max((each["Resources"].get("GPU", 0.0) for each in ray.nodes()), default=1.0)
        return max(1, int(cards / plan.gpus_per_replica + 1e-6))
    return 2 * plan.most


async def _read(client: httpx.AsyncClient, url: str) -> Reading | None:
    try:
        answer = await client.get(f"{url}/v1/info")
        return Reading(None, answer.json()) if answer.status_code == 200 else None
    except (httpx.HTTPError, ValueError):
        return None  # whoever watches the process says what there is to say


def _nodes() -> set[str]:
    """The addresses of the cluster's machines, on each of which an ingress may be."""
    return {str(each["NodeManagerAddress"]) for each in ray.nodes() if each["Alive"]}


def _listed(values: Iterable[str]) -> str:
    """As a setting that is a list has it."""
    return json.dumps(sorted(values))
