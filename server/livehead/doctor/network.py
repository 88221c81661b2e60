"""The port, TLS and TURN: what browsers need to reach the server and to open the microphone."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from livehead.doctor.finding import Finding, fail, ok, warn
from livehead.errors import LiveheadError, UsageError
from livehead.settings import Settings
from livehead.transport.listening import listen
from livehead.transport.tls import verify_tls_files


def check_port(settings: Settings) -> Iterator[Finding]:
    server = settings.server
    try:
        listen(server.host, server.port).close()
    except LiveheadError as error:
        what, _, cure = str(error).partition(". ")
        yield fail("port", what, cure)
        return
    yield ok("port", f"{server.port or 'any'} of {server.host} is free")


def check_tls(settings: Settings) -> Iterator[Finding]:
    server = settings.server
    if server.tls_cert is not None and server.tls_key is not None:
        try:
            verify_tls_files(server.tls_cert, server.tls_key)
        except UsageError as error:
            yield fail("tls", str(error), "Name a PEM certificate chain with --tls-cert and its key with --tls-key.")
            return
        yield ok("tls", f"{server.tls_cert}")
    elif is_loopback(server.host):
        yield ok("tls", f"not needed on {server.host}: browsers trust the machine they run on")
    else:
        yield warn(
            "tls",
            f"no certificate, and {server.host} is open to other machines",
            "Browsers open the microphone on HTTPS pages only: use --tls-cert and --tls-key, or an HTTPS proxy.",
        )


def check_relays(settings: Settings) -> Iterator[Finding]:
    media = settings.media
    if media.turn_urls and not media.turn_secret:
        yield fail(
            "turn",
            "LIVEHEAD_TURN_URLS is set, but not its secret",
            "Set LIVEHEAD_TURN_SECRET.",
        )
    elif media.turn_secret and not media.turn_urls:
        yield warn("turn", "LIVEHEAD_TURN_SECRET is set, but no TURN server", "Set LIVEHEAD_TURN_URLS.")
    elif media.turn_urls:
        yield ok("turn", f"{', '.join(media.turn_urls)}, with credentials for {media.turn_ttl} s")
    elif is_loopback(settings.server.host):
        yield ok("turn", "not needed on this machine")
    else:
        cure = "Set LIVEHEAD_TURN_URLS and LIVEHEAD_TURN_SECRET, for clients whose network blocks UDP."
        yield warn("turn", "no TURN server", cure)


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
