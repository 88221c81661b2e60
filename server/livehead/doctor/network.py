"""The port, and what browsers will make of where it is."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Iterator

from livehead.doctor.finding import Finding, fail, ok, warn
from livehead.errors import LiveheadError
from livehead.listening import listen
from livehead.settings import Settings


def look_at_port(settings: Settings) -> Iterator[Finding]:
    server = settings.server
    try:
        listen(server.host, server.port).close()
    except LiveheadError as error:
        what, _, cure = str(error).partition(". ")
        yield fail("port", what, cure)
        return
    yield ok("port", f"{server.port or 'any'} of {server.host} is free")


def look_at_tls(settings: Settings) -> Iterator[Finding]:
    server = settings.server
    if server.tls_cert is not None:
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(server.tls_cert, server.tls_key)
        except (OSError, ssl.SSLError) as error:
            cure = "Name a PEM chain with --tls-cert and its key with --tls-key."
            yield fail("tls", f"{server.tls_cert}: {error}", cure)
            return
        yield ok("tls", f"{server.tls_cert}")
    elif is_loopback(server.host):
        yield ok("tls", f"none is needed on {server.host}: browsers trust the machine they run on")
    else:
        yield warn(
            "tls",
            f"none, and {server.host} is reached from other machines",
            "Browsers give the microphone to https pages only: use --tls-cert and --tls-key, or a proxy that has them.",
        )


def look_at_relays(settings: Settings) -> Iterator[Finding]:
    media = settings.media
    if media.turn_urls and not media.turn_secret:
        yield fail("turn", "LIVEHEAD_TURN_URLS is set, but no secret", "Set LIVEHEAD_TURN_SECRET to the TURN server's.")
    elif media.turn_secret and not media.turn_urls:
        yield warn("turn", "LIVEHEAD_TURN_SECRET is set, but no address", "Set LIVEHEAD_TURN_URLS.")
    elif media.turn_urls:
        yield ok("turn", f"{', '.join(media.turn_urls)}, passwords for {media.turn_ttl} s")
    elif is_loopback(settings.server.host):
        yield ok("turn", "none, and none is needed on this machine")
    else:
        cure = "Set LIVEHEAD_TURN_URLS and LIVEHEAD_TURN_SECRET, for those whose network lets no UDP through."
        yield warn("turn", "no TURN server", cure)


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
