"""A fleet on Ray, from its start to its end: what ``livehead fleet`` does."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal

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

NAME = "livehead"
"""The application's name in Serve."""

LOOK_S = 0.5
"""How often the command looks how its fleet is."""

CLOSING_S = 20.0
"""How long replicas may take to end once their sessions have."""

logger = logging.getLogger(__name__)


def run_fleet(
    plan: FleetPlan, address: str, host: str, port: int, drain_seconds: float, tls: tuple[str, str] | None
) -> None:
    """Until SIGTERM or Ctrl-C. Raises LiveheadError where it does not start."""
    with joined(address, plan) as local:
        plan = with_cards(plan)
        check_room(plan)
        if plan.surge and not local and not has_spare(plan):
            logger.warning("there is no card for one replica more: in a rolling update an old one drains first")
            plan = plan.model_copy(update={"surge": False})
        asyncio.run(_run(plan, host, port, drain_seconds, tls))


async def _run(plan: FleetPlan, host: str, port: int, drain_seconds: float, tls: tuple[str, str] | None) -> None:
    stop = _stopping()
    link = DirectoryLink()
    try:
        await link.end(None)
        await link.renew()
        old = len((await link.view()).problems)
        await asyncio.to_thread(_deploy, plan, host, port, tls)
        fleet = asyncio.create_task(_watch(link, old, _address(host, port, tls)))
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait([fleet, stopped], return_when=asyncio.FIRST_COMPLETED)
        for task in (fleet, stopped):
            task.cancel()
        if fleet.done():
            await fleet
    finally:
        await _end(link, drain_seconds)


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


def _address(host: str, port: int, tls: tuple[str, str] | None) -> str:
    return f"{'http' if tls is None else 'https'}://{f'[{host}]' if ':' in host else host}:{port}"


async def _watch(link: DirectoryLink, old: int, address: str) -> None:
    """Says what comes and goes, until it is cancelled. Raises LiveheadError where the fleet does not start."""
    known: dict[str, Report] = {}
    running = False
    while True:
        try:
            view = await link.view()
        except RayError as error:
            logger.warning("the fleet's directory cannot be reached: %s", error)
            await asyncio.sleep(LOOK_S)
            continue
        known = _tell_changes(known, view)
        if len(view.problems) > old and not running:
            raise LiveheadError(view.problems[-1])
        for problem in view.problems[old:]:
            logger.error("a replica did not start: %s", problem)
        old = len(view.problems)
        if not running:
            running = await asyncio.to_thread(_is_running)
            if running:
                print(f"Livehead is at {address}", flush=True)
        await asyncio.sleep(LOOK_S)


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
    """In order: the replicas drain, for which requests must still come in; then Serve ends, and the directory."""
    with contextlib.suppress(RayError, TimeoutError):
        async with asyncio.timeout(drain_seconds + CLOSING_S):
            await link.end(drain_seconds)
            while (await link.view()).replicas:  # noqa: ASYNC110 - other processes are waited for
                await asyncio.sleep(LOOK_S)
    await asyncio.to_thread(serve.shutdown)
    directory_link.remove()


def _deploy(plan: FleetPlan, host: str, port: int, tls: tuple[str, str] | None) -> None:
    """Serve, with a proxy on every machine, and the application. Where there is an older one, it is replaced while its
    calls go on."""
    options = {"host": host, "port": port}
    if tls is not None:
        options |= {"ssl_certfile": tls[0], "ssl_keyfile": tls[1]}
    serve.start(proxy_location="EveryNode", http_options=options, logging_config=LOGGING)
    serve.run_many(
        [serve.RunTarget(build_application(plan), name=NAME, route_prefix="/")],
        wait_for_ingress_deployment_creation=False,
        wait_for_applications_running=False,
    )
