"""A fleet on Ray, from its start to its end: what ``livehead fleet`` does."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import signal
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from ray import serve
from ray.exceptions import RayError
from ray.serve.schema import ApplicationStatus

from livehead.errors import LiveheadError
from livehead.fleet.ray import link as directory_link
from livehead.fleet.ray.application import LOGGING, build_application
from livehead.fleet.ray.cluster import check_room, has_spare, joined, with_cards
from livehead.fleet.ray.link import DirectoryLink
from livehead.fleet.ray.plan import FleetPlan
from livehead.fleet.ray.shared_directory import Report, View
from livehead.transport.listening import listen

NAME = "livehead"
"""The application's name in Serve."""

LOOK_S = 1.0
"""How often the command looks how its fleet is."""

CLOSING_S = 20.0
"""How long replicas may take to end once their sessions have."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Door:
    """Where Serve's proxies listen, on every machine; ``tls`` are the files of certificate and key."""

    host: str
    port: int
    tls: tuple[str, str] | None = None

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'http' if self.tls is None else 'https'}://{host}:{self.port}"


def run_fleet(plan: FleetPlan, address: str, door: Door, drain_seconds: float) -> None:
    """Until SIGTERM or Ctrl-C, or until another command has taken the fleet over. Raises LiveheadError where it does
    not start; a fleet that there was before goes on then."""
    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    with joined(address, plan) as local:
        plan = with_cards(plan)
        check_room(plan)
        if plan.surge and not local and not has_spare(plan):
            logger.warning("there is no card for one replica more: in a rolling update an old one drains first")
            plan = plan.model_copy(update={"surge": False})
        older = not local and NAME in serve.status().applications
        if not older:
            door = replace(door, port=_free_port(door))
        try:
            asyncio.run(_run(plan, door, drain_seconds, ends=local, older=older))
        except RayError as error:
            raise LiveheadError(f"Ray has failed: {str(error).splitlines()[0]} `ray status` says more.") from error


async def _run(plan: FleetPlan, door: Door, drain_seconds: float, *, ends: bool, older: bool) -> None:
    """``ends`` says that the cluster ends with this command, and ``older`` that there is a fleet already, which changes
    over to this plan."""
    stop, link, name = _stopping(), DirectoryLink(), secrets.token_hex(8)
    mine = not older
    try:
        await link.end(None)
        await link.renew()
        before = await link.view()
        await asyncio.to_thread(_deploy, plan, None if older else door)
        async with _until(stop, _start(link, before, plan.least)) as started:
            if not started:
                return
        mine, url = True, (before.url if older else None) or door.url
        await link.take(name, url)
        print(f"Livehead is at {url}", flush=True)
        async with _until(stop, _watch(link, name)) as taken:
            mine = not taken
        if taken and ends:
            logger.info("another command has taken over; Ray runs until this one is ended")
            await stop.wait()
    finally:
        if mine:
            await _end(link, drain_seconds)
            if not ends:
                await asyncio.to_thread(serve.shutdown)
                directory_link.remove()


@asynccontextmanager
async def _until(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> AsyncIterator[bool]:
    """Gives True once ``work`` is done, False where ``stop`` came before. Raises what the work raises."""
    task, stopped = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([task, stopped], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
        yield task.done()
    finally:
        task.cancel()
        stopped.cancel()
        await asyncio.wait([task, stopped])


def _stopping() -> asyncio.Event:
    """Set by SIGTERM or Ctrl-C; the second one ends the process at once, and what it has started with it."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def hear(number: signal.Signals) -> None:
        if stop.is_set():
            os._exit(1)
        logger.info("%s: draining, again to end at once", number.name)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, hear, number)
    return stop


async def _start(link: DirectoryLink, before: View, least: int) -> None:
    """Returns once the fleet runs as planned: Serve says so, or there are ``least`` new replicas, while old ones still
    drain. Raises LiveheadError where a replica does not start."""
    known: dict[str, Report] = {}
    old = {each.name for each in before.replicas}
    while not await asyncio.to_thread(_is_running):
        view = await link.view()
        known = _tell_changes(known, view)
        if len(view.problems) > len(before.problems):
            raise LiveheadError(view.problems[-1])
        if old and sum(each.state == "ready" and each.name not in old for each in view.replicas) >= least:
            break
        await asyncio.sleep(LOOK_S)
    _tell_changes(known, await link.view())


async def _watch(link: DirectoryLink, name: str) -> None:
    """Says what comes and goes, until another command has taken over."""
    view = await link.view()
    known = {each.name: each for each in view.replicas}
    problems = len(view.problems)
    while view.owner in (name, None):
        await asyncio.sleep(LOOK_S)
        try:
            view = await link.view()
        except RayError as error:
            logger.warning("the fleet's directory cannot be reached, and is started anew: %s", error)
            continue
        known = _tell_changes(known, view)
        for problem in view.problems[problems:]:
            logger.error("a replica did not start: %s", problem)
        problems = len(view.problems)


def _tell_changes(known: dict[str, Report], view: View) -> dict[str, Report]:
    there = {each.name: each for each in view.replicas}
    for name, each in there.items():
        if name not in known:
            logger.info("replica %s: %s, at %s", name, each.state, each.url)
        elif known[name].state != each.state:
            logger.info("replica %s: %s", name, each.state)
    for name in known.keys() - there.keys():
        logger.info("replica %s: gone", name)
    return there


def _is_running() -> bool:
    """Raises LiveheadError where Serve has given it up."""
    application = serve.status().applications.get(NAME)
    if application is None or application.status == ApplicationStatus.DEPLOY_FAILED:
        reason = "Serve does not know it any more" if application is None else application.message
        raise LiveheadError(f"The fleet does not start: {reason}")
    return application.status == ApplicationStatus.RUNNING


async def _end(link: DirectoryLink, drain_seconds: float) -> None:
    """The replicas drain, and end; requests of their calls still come in."""
    with contextlib.suppress(RayError, TimeoutError):
        async with asyncio.timeout(drain_seconds + CLOSING_S):
            await link.end(drain_seconds)
            while (await link.view()).replicas:  # noqa: ASYNC110 - other processes are waited for
                await asyncio.sleep(LOOK_S)


def _deploy(plan: FleetPlan, door: Door | None) -> None:
    """Serve, with a proxy on every machine, and the application. Where there is an older one, it is replaced while its
    calls go on, and its door stays."""
    if door is not None:
        options: dict[str, object] = {"host": door.host, "port": door.port}
        if door.tls is not None:
            options |= {"ssl_certfile": door.tls[0], "ssl_keyfile": door.tls[1]}
        serve.start(proxy_location="EveryNode", http_options=options, logging_config=LOGGING)
    serve.run_many(
        [serve.RunTarget(build_application(plan), name=NAME, route_prefix="/")],
        wait_for_ingress_deployment_creation=False,
        wait_for_applications_running=False,
    )


def _free_port(door: Door) -> int:
    """The port itself, or a free one for 0: the proxies are told which. Raises LiveheadError for one in use."""
    with listen(door.host, door.port) as listener:
        return int(listener.getsockname()[1])
