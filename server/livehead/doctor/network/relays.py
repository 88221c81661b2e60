"""TURN, by a real allocation at each address, as a client would make it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

from livehead.core.turn_credentials import turn_credentials
from livehead.doctor.environment import Environment
from livehead.doctor.finding import Finding, fail, ok, warn
from livehead.doctor.network.origin import stays_here
from livehead.errors import LiveheadError, UsageError
from livehead.media.relay_probe import RefusedError, UnreachableError
from livehead.settings import Settings

USER = "doctor"
YEAR_S = 365 * 86_400

_REFUSED = {
    403: ("it does not allow this", "See allowed-peer-ip, denied-peer-ip and the realm in turnserver.conf."),
    438: ("its nonce is stale at once", "Set the TURN server's clock right."),
    486: ("its quota is used up", "Raise user-quota or total-quota in turnserver.conf."),
    508: ("it has no relay port left", "Widen min-port and max-port in turnserver.conf, and the firewall's rule."),
}


def check_relays(settings: Settings, environment: Environment) -> Iterator[Finding]:
    media = settings.media
    if media.turn_urls and not media.turn_secret:
        yield fail(
            "turn",
            "LIVEHEAD_TURN_URLS is set, but not its secret",
            "Set LIVEHEAD_TURN_SECRET to coturn's static-auth-secret.",
        )
    elif media.turn_secret and not media.turn_urls:
        yield warn("turn", "LIVEHEAD_TURN_SECRET is set, but no TURN server", "Set LIVEHEAD_TURN_URLS.")
    elif media.turn_secret:
        for url in media.turn_urls:
            yield _allocated(url, media.turn_secret, media.turn_ttl, environment)
    elif stays_here(settings):
        yield ok("turn", "not needed on this machine")
    else:
        cure = "Set LIVEHEAD_TURN_URLS and LIVEHEAD_TURN_SECRET, for clients whose network blocks UDP."
        yield warn("turn", "no TURN server", cure)


def _allocated(url: str, secret: str, ttl: int, environment: Environment) -> Finding:
    now = int(environment.now().timestamp())
    try:
        found = environment.allocate(url, *turn_credentials(secret, USER, now + ttl))
    except UsageError as error:
        return fail("turn", str(error), "Write turn:host:3478?transport=udp, or turns:host:5349?transport=tcp.")
    except RefusedError as error:
        return _refused(url, error, secret, ttl, environment)
    except ssl.SSLError as error:
        return fail("turn", f"{url}: its certificate is refused ({error.reason})", "Renew it, and restart coturn.")
    except UnreachableError as error:
        return _unreachable(url, error)
    return ok("turn", f"{url} relays from {found.relayed[0]}, with credentials for {ttl} s")


def _refused(url: str, error: RefusedError, secret: str, ttl: int, environment: Environment) -> Finding:
    if error.code != 401:
        detail, cure = _REFUSED.get(error.code, (str(error), "See the TURN server's log."))
        return fail("turn", f"{url}: {detail} ({error.code})", cure)
    now = int(environment.now().timestamp())
    try:  # a wrong secret stays wrong; an expiry that is past by the other clock does not
        environment.allocate(url, *turn_credentials(secret, USER, now + YEAR_S))
    except LiveheadError:
        cure = "Give LIVEHEAD_TURN_SECRET and coturn's static-auth-secret the same value; it needs use-auth-secret too."
        return fail("turn", f"{url} refuses our credentials (401): the secret is not the one that it has", cure)
    cure = "Set both clocks right: sudo timedatectl set-ntp true on each machine."
    return fail("turn", f"{url}: our credentials have expired by its clock, {ttl} s or more ahead of ours (401)", cure)


def _unreachable(url: str, error: UnreachableError) -> Finding:
    cure = "Start coturn there, and let its port and its relay ports through the firewall."
    if "known" in str(error) or "resolution" in str(error):
        cure = "Check the name in LIVEHEAD_TURN_URLS, and DNS."
    return fail("turn", f"{url} cannot be reached: {error}", cure)
