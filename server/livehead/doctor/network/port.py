"""The server's TCP port, and its certificate."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from livehead.doctor.environment import Environment
from livehead.doctor.finding import Finding, fail, ok, warn
from livehead.errors import LiveheadError, UsageError
from livehead.settings import Settings
from livehead.transport.listening import listen
from livehead.transport.tls import read_certificate, verify_tls_files

SOON = timedelta(days=14)


def check_port(settings: Settings, environment: Environment) -> Iterator[Finding]:
    server = settings.server
    try:
        listen(server.host, server.port).close()
    except LiveheadError as error:
        what, _, cure = str(error).partition(". ")
        yield fail("port", what, cure)
        return
    yield ok("port", f"{server.port or 'any'} of {server.host} is free")


def check_tls(settings: Settings, environment: Environment) -> Iterator[Finding]:
    """Only where there is a certificate; check_origin says whether one is needed."""
    cert, key = settings.server.tls_cert, settings.server.tls_key
    if cert is None or key is None:
        return
    now = environment.now()
    try:
        found = read_certificate(cert)
        verify_tls_files(cert, key, now)
    except UsageError as error:
        what, _, cure = str(error).partition(". ")
        yield fail("tls", what, cure or "Name a PEM certificate chain with --tls-cert and its key with --tls-key.")
        return
    said = f"{cert} for {', '.join(found.names) or 'no name'}, until {found.ends:%Y-%m-%d}"
    if now < found.begins:
        cure = "Set this machine's clock right: sudo timedatectl set-ntp true. Or wait, if it is."
        yield fail("tls", f"{cert} is valid from {found.begins:%Y-%m-%d %H:%M} UTC on only, by this clock", cure)
    elif found.ends - now < SOON:
        yield warn("tls", f"{said}: in {max((found.ends - now).days, 0)} days", "Renew it, and restart the server.")
    else:
        yield ok("tls", said)
