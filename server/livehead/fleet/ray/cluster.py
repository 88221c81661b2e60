"""The Ray cluster that a fleet runs on: found, or started on this machine."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import ray

from livehead.errors import LiveheadError
from livehead.fleet.ray.link import NAMESPACE
from livehead.fleet.ray.plan import FleetPlan

CLIENT_PORT = 10001
"""Where a cluster takes clients, as ``ray://`` has it; without that it is the port of its GCS."""

GCS_PORT = 6379

ANSWER_S = 5.0
"""How long a cluster may take to accept a connection."""

STORE_BYTES = 80 * 1024 * 1024
"""Shared memory for Ray's own objects, of which a fleet has hardly any. Ray takes a third of the machine's memory
otherwise."""

logger = logging.getLogger(__name__)

SPARE_CPUS = 1
"""What a cluster that is started here may run beside the replicas."""


@contextmanager
def joined(address: str, plan: FleetPlan) -> Iterator[bool]:
    """In a cluster: the one at ``address``; for ``auto`` one that runs on this machine, and else a new one, as for
    ``local``, which ends with the block. Says whether it is a new one. Raises LiveheadError where nothing answers."""
    logging.getLogger("ray._private.authentication").setLevel(logging.ERROR)  # it would say that all is as it was
    local = address == "local" or (address == "auto" and not _join("auto"))
    if local:
        _start(plan)
        logger.info("Ray runs at %s until this command ends", ray.get_runtime_context().gcs_address)
    elif address != "auto":
        _knock(address)
        if not _join(address):
            raise LiveheadError(_silent(address))
    try:
        yield local
    finally:
        ray.shutdown()


def _start(plan: FleetPlan) -> None:
    """Raises LiveheadError where Ray does not start."""
    try:
        ray.init(
            address="local",
            num_cpus=_cpus(plan),
            include_dashboard=False,
            object_store_memory=STORE_BYTES,
            namespace=NAMESPACE,
            logging_level=logging.WARNING,
        )
    except Exception as error:  # Ray raises no type of its own here
        raise LiveheadError(f"Ray does not start on this machine: {error}") from error


def with_cards(plan: FleetPlan) -> FleetPlan:
    """A plan that does not say how many cards a replica has, with one, if the cluster has any and the engine wants
    one."""
    if plan.gpus_per_replica is not None:
        return plan
    wanted = plan.settings.get("engine") != "preview" and ray.cluster_resources().get("GPU", 0.0) > 0
    return plan.model_copy(update={"gpus_per_replica": 1.0 if wanted else 0.0})


def check_room(plan: FleetPlan) -> None:
    """Raises LiveheadError for a fleet that does not fit on the cluster as it is."""
    there = ray.cluster_resources()
    for what, each in _needs(plan).items():
        has = there.get(what, 0.0)
        if each * plan.least > has + 1e-6:
            fits = int(has / each + 1e-6)
            card = "card" if what == "GPU" else "CPU"
            raise LiveheadError(
                f"{plan.least} replicas with {each:g} {card}{'s' if each > 1 else ''} each need "
                f"{each * plan.least:g}, and the cluster has {has:g}: use "
                + (f"--replicas {fits}, " if fits else "")
                + ("a smaller --gpus-per-replica, or add machines." if what == "GPU" else "or add machines.")
            )


def has_spare(plan: FleetPlan) -> bool:
    """Whether one replica more than there are may run."""
    free = ray.cluster_resources()
    return all(free.get(what, 0.0) + 1e-6 >= each * (plan.most + 1) for what, each in _needs(plan).items())


def _needs(plan: FleetPlan) -> dict[str, float]:
    return {"GPU": plan.gpus_per_replica or 0.0, "CPU": plan.cpus_per_replica}


def _join(address: str) -> bool:
    """Whether there is a cluster, which has been joined then."""
    try:
        ray.init(address=address, namespace=NAMESPACE, logging_level=logging.WARNING)
    except ConnectionError:
        return False
    return True


def _knock(address: str) -> None:
    """Raises LiveheadError, long before Ray would."""
    parts = urlsplit(address if "//" in address else f"//{address}")
    if parts.hostname is None or parts.scheme not in ("", "ray"):
        raise LiveheadError(f"--address {address}: write auto, local, ray://HOST:{CLIENT_PORT}, or HOST:{GCS_PORT}.")
    port = parts.port or (CLIENT_PORT if parts.scheme else GCS_PORT)
    try:
        socket.create_connection((parts.hostname, port), ANSWER_S).close()
    except OSError as error:
        raise LiveheadError(f"{_silent(address)} ({error.strerror or error})") from None


def _silent(address: str) -> str:
    return (
        f"No Ray cluster answers at {address}. Start one with `ray start --head`, correct --address, set RAY_AUTH_MODE="
        "token where it asks for its token, or use --address auto, which starts Ray on this machine."
    )


def _cpus(plan: FleetPlan) -> int:
    """Ray's processors are places for actors. As many as the machine has, and no fewer than the fleet asks for: what a
    replica really holds it measures itself."""
    return max(os.cpu_count() or 1, round(plan.cpus_per_replica * (plan.most + 1)) + SPARE_CPUS)
