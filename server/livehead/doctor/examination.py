"""All checks, in the order in which a cure for one helps the next."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from livehead.doctor.device import check_device
from livehead.doctor.finding import Finding, fail
from livehead.doctor.machine import check_machine
from livehead.doctor.media import check_codecs, check_portraits
from livehead.doctor.network import check_port, check_relays, check_tls
from livehead.doctor.packages import check_packages, check_python
from livehead.doctor.standby import check_standby
from livehead.doctor.weights import check_engine, check_weights
from livehead.settings import Settings

CHECKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
    check_python,
    check_packages,
    check_machine,
    check_device,
    check_weights,
    check_engine,
    check_standby,
    check_codecs,
    check_portraits,
    check_port,
    check_tls,
    check_relays,
)


def examine(settings: Settings) -> Iterator[Finding]:
    """Check everything that ``livehead serve`` with these settings needs. Takes some seconds if PyTorch is installed. A
    check that breaks is a finding too."""
    for check in CHECKS:
        try:
            yield from check(settings)
        except Exception as error:  # noqa: BLE001 - one broken part must not hide what is wrong with the others
            name = check.__name__.removeprefix("check_")
            yield fail(
                name, f"{type(error).__name__}: {error}", "This is a fault of livehead doctor; please report it."
            )
