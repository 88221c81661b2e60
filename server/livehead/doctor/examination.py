"""All checks by group, in the order in which a cure for one helps the next."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from livehead.doctor.data.checks import check_data_folder, check_kept, check_keys, check_leases, check_unfinished
from livehead.doctor.device import check_compiler, check_driver, check_torch
from livehead.doctor.docker import check_docker, check_docker_asked
from livehead.doctor.environment import Environment
from livehead.doctor.finding import Check, Finding, Group, fail
from livehead.doctor.machine import check_clock, check_disk, check_machine, check_shared_memory
from livehead.doctor.media import check_codecs, check_portraits
from livehead.doctor.network.origin import check_origin
from livehead.doctor.network.port import check_port, check_tls
from livehead.doctor.network.relays import check_relays
from livehead.doctor.network.udp import check_udp, check_udp_ports
from livehead.doctor.packages import check_flashhead_packages, check_packages, check_python
from livehead.doctor.standby import check_standby
from livehead.doctor.weights import check_engine, check_hashes, check_weights
from livehead.errors import LiveheadError
from livehead.settings import Settings

CHECKS: Mapping[Group, Sequence[Check]] = {
    "machine": (check_python, check_packages, check_machine, check_disk, check_shared_memory, check_clock),
    "flashhead": (
        check_driver,
        check_flashhead_packages,
        check_torch,
        check_compiler,
        check_weights,
        check_engine,
        check_standby,
    ),
    "media": (check_codecs, check_portraits),
    "network": (check_port, check_tls, check_origin, check_udp_ports, check_udp, check_relays),
    "docker": (check_docker,),
}


def examine_data(settings: Settings, environment: Environment, *, fix: bool = False) -> Iterator[Finding]:
    """Look through the data folder, and with ``fix`` put aside what is broken. Servers may be at work in it. Reads all
    images and films."""
    yield from _guarded("data", "data folder", lambda: check_data_folder(settings, fix))
    if not settings.server.data_dir.exists():
        return
    yield from _guarded("data", "disk", lambda: check_disk(settings, environment))
    yield from _guarded("data", "keys", lambda: check_keys(settings, fix))
    yield from _guarded("data", "kept", lambda: check_kept(settings, environment, fix))
    yield from _guarded("data", "unfinished files", lambda: check_unfinished(settings, fix))
    yield from _guarded("data", "leases", lambda: check_leases(settings, fix))


def examine(
    settings: Settings, environment: Environment, *, docker: bool = False, hashes: bool = False
) -> Iterator[Finding]:
    """Check everything that ``livehead serve`` with these settings needs; docker even where it is not installed, and
    every byte of the weights, if asked. Takes some seconds if PyTorch is installed. A check that breaks is a finding
    too."""
    for group, checks in CHECKS.items():
        for check in _asked(checks, docker=docker, hashes=hashes):
            name = check.__name__.removeprefix("check_")
            yield from _guarded(group, name, partial(check, settings, environment))


def _guarded(group: Group, name: str, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        for finding in check():
            yield replace(finding, group=group)
    except Exception as error:  # noqa: BLE001 - one broken part must not hide what is wrong with the others
        cure = "This is a fault of livehead doctor; please report it."
        if isinstance(error, LiveheadError):
            cure = "Do what it says, and run livehead doctor again."
        yield replace(fail(name, f"{type(error).__name__}: {error}", cure), group=group)


def _asked(checks: Sequence[Check], *, docker: bool, hashes: bool) -> Iterator[Check]:
    for check in checks:
        yield check_docker_asked if docker and check is check_docker else check
        if hashes and check is check_weights:
            yield check_hashes
