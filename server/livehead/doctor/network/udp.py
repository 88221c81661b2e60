"""The way of audio and video: UDP ports, the address that clients are told, and whether packets from outside come in.

Nobody can see from inside what a firewall lets in. But a TURN server is outside: a packet that it relays to a port of
ours comes as any client's would.
"""

from __future__ import annotations

from collections.abc import Iterator

from livehead.core.turn_credentials import turn_credentials
from livehead.doctor.environment import Environment
from livehead.doctor.finding import Finding, fail, ok, warn
from livehead.doctor.network.origin import stays_here
from livehead.doctor.network.relays import USER
from livehead.errors import LiveheadError, UsageError
from livehead.media.peer.media_addresses import MediaAddresses
from livehead.settings import Settings


def check_udp_ports(settings: Settings, environment: Environment) -> Iterator[Finding]:
    media = settings.media
    try:
        addresses = MediaAddresses.of(media.ports, media.public_address)
    except UsageError as error:
        yield fail("udp ports", str(error), "Check LIVEHEAD_PUBLIC_ADDRESS, and DNS.")
        return
    if addresses.room is None:
        yield ok("udp ports", "the system chooses one for each client; --udp-ports A-B keeps them to a range")
        return
    taken = addresses.taken()
    said = f"{media.udp_ports}: room for {addresses.room} clients at once"
    if taken == addresses.room:
        yield fail("udp ports", f"all {taken} of {media.udp_ports} are in use", "Choose others with --udp-ports.")
    elif taken:
        yield warn("udp ports", f"{said}; {taken} are in use", "End what uses them, or choose others with --udp-ports.")
    else:
        yield ok("udp ports", said)


def check_udp(settings: Settings, environment: Environment) -> Iterator[Finding]:
    media = settings.media
    if stays_here(settings):
        yield ok("udp", "calls stay on this machine")
        return
    seen = _seen(settings, environment)
    if isinstance(seen, Finding):
        yield seen
        return
    own = environment.addresses()
    told = media.public_address
    if seen not in own and told is None:
        yield warn(
            "udp",
            f"outside, this machine is {seen}, which is none of its own addresses: clients are told addresses that "
            "they cannot reach, and connect by TURN only",
            f"--public-address {seen}, --udp-ports 50000-50099, and let those ports through to this machine.",
        )
        return
    yield from _back(settings, environment, seen)


def _seen(settings: Settings, environment: Environment) -> str | Finding:
    """The address that a STUN or TURN server sees us at."""
    media = settings.media
    urls = [*media.stun_urls, *(url for url in media.turn_urls if url.startswith("turn:") and "tcp" not in url)]
    if not urls:
        cure = "Set LIVEHEAD_TURN_URLS, or LIVEHEAD_STUN_URLS: their servers are what it can be tried with."
        return warn("udp", "whether UDP from outside reaches this machine cannot be told", cure)
    why = ""
    for url in urls:
        try:
            return environment.reflect(url)[0]
        except LiveheadError as error:
            why = why or f"{url}: {error}"
    cure = "Let UDP out through the firewall, to those servers' ports and to all of clients'."
    return warn("udp", f"no answer over UDP ({why})", cure)


def _back(settings: Settings, environment: Environment, seen: str) -> Iterator[Finding]:
    """A packet from outside, by the first TURN server that sends one."""
    media = settings.media
    ports = media.udp_ports or "1024-65535"
    said = f"outside, this machine is {seen}"
    for url in media.turn_urls if media.turn_secret else ():
        now = int(environment.now().timestamp())
        address = (media.public_address or seen).partition(",")[0]
        port = next(iter(media.ports or (0,)))
        try:
            found = environment.allocate(
                url, *turn_credentials(media.turn_secret or "", USER, now + media.turn_ttl), back_to=(address, port)
            )
        except LiveheadError:
            continue  # check_relays reports it
        target = f"{found.target[0]}:{found.target[1]}"
        if found.arrived:
            yield ok("udp", f"{said}; a packet from {url} came in at {target}")
            return
        if found.arrived is False:
            cure = f"Let UDP to ports {ports} in, through the firewall and the cloud's rules. TURN still works."
            yield warn("udp", f"a packet from {url} to {target} did not come in: no direct calls from outside", cure)
            return
    yield ok("udp", f"{said}; whether packets come in to UDP {ports} can be tried with a TURN server only")
