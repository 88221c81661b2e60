"""All looks, in the order in which a cure for one helps the next."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from livehead.doctor.device import look_at_device
from livehead.doctor.finding import Finding, fail
from livehead.doctor.machine import look_at_machine
from livehead.doctor.media import look_at_codecs, look_at_portraits
from livehead.doctor.network import look_at_port, look_at_relays, look_at_tls
from livehead.doctor.packages import look_at_packages, look_at_python
from livehead.doctor.weights import look_at_engine, look_at_weights
from livehead.settings import Settings

LOOKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
    look_at_python,
    look_at_packages,
    look_at_machine,
    look_at_device,
    look_at_weights,
    look_at_engine,
    look_at_codecs,
    look_at_portraits,
    look_at_port,
    look_at_tls,
    look_at_relays,
)


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at everything that ``livehead serve`` with these settings would need. Takes some seconds where PyTorch is
    installed. A look that breaks is a finding too."""
    for look in LOOKS:
        try:
            yield from look(settings)
        except Exception as error:  # noqa: BLE001 - one broken part must not hide what is wrong with the others
            name = look.__name__.removeprefix("look_at_")
            yield fail(
                name, f"{type(error).__name__}: {error}", "This is a fault of livehead doctor; please report it."
            )
