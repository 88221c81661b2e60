"""Whether browsers will open the microphone: they do on secure origins only (W3C Secure Contexts, section 3.1)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

from livehead.doctor.environment import Environment
from livehead.doctor.finding import Finding, ok, warn
from livehead.settings import Settings


def check_origin(settings: Settings, environment: Environment) -> Iterator[Finding]:
    server = settings.server
    insecure = [
        origin
        for origin in server.cors_origins
        if origin.startswith("http://") and not is_loopback(urlsplit(origin).hostname or "")
    ]
    if insecure:
        yield warn(
            "secure origin",
            f"pages of {insecure[0]} may call the API, but no browser opens the microphone there",
            "Serve them over HTTPS, and name them with https:// in LIVEHEAD_CORS_ORIGINS.",
        )
    elif server.tls_cert is not None:
        yield ok("secure origin", "https, by this server")
    elif server.trusted_proxies:
        yield ok("secure origin", f"https, if the proxy at {server.trusted_proxies[0]} has a certificate")
    elif is_loopback(server.host):
        yield ok("secure origin", f"{server.host}: browsers trust the machine they run on, and no other reaches it")
    else:
        yield warn(
            "secure origin",
            f"no certificate, and {server.host} is open to other machines",
            "Browsers open the microphone on HTTPS pages only: use --tls-cert and --tls-key, or an HTTPS proxy.",
        )


def stays_here(settings: Settings) -> bool:
    """Whether all callers are on this machine: a proxy, TURN or a public address are for others."""
    server, media = settings.server, settings.media
    beyond = (server.trusted_proxies, media.public_address, media.turn_urls, media.stun_urls)
    return is_loopback(server.host) and not any(beyond)


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
