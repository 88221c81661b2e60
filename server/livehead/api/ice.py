"""GET /v1/ice-servers: STUN and TURN for clients, with credentials that live for minutes."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response

from livehead.api.guard import Guard, Needs
from livehead.api.services import Services, ServicesDep
from livehead.core.identity import Identity
from livehead.core.ids import new_id
from livehead.core.turn_credentials import turn_credentials
from livehead.settings import MediaSettings

router = APIRouter(tags=["ice"])


def stun_servers(settings: MediaSettings) -> list[dict[str, Any]]:
    """``RTCIceServer`` dictionaries of the servers that need no credentials."""
    return [{"urls": list(settings.stun_urls)}] if settings.stun_urls else []


def ice_servers(settings: MediaSettings, user: str, now: float | None = None) -> list[dict[str, Any]]:
    """A list of ``RTCIceServer`` dictionaries. ``user`` tells the TURN server whose allocations count together
    (coturn's user-quota); ``now`` is Unix time in seconds."""
    servers = stun_servers(settings)
    if settings.turn_urls and settings.turn_secret:
        expiry = int(time.time() if now is None else now) + settings.turn_ttl
        username, credential = turn_credentials(settings.turn_secret, user, expiry)
        servers.append({"urls": list(settings.turn_urls), "username": username, "credential": credential})
    return servers


def issue(services: Services, user: str) -> list[dict[str, Any]]:
    """The same for a client, and counted."""
    servers = ice_servers(services.settings.media, user)
    if any("credential" in server for server in servers):
        services.metrics.requests.turn_credentials.inc()
    return servers


def ice_links(servers: list[dict[str, Any]]) -> list[str]:
    """The same as values of Link headers (RFC 9725 section 4.6)."""
    links = []
    for server in servers:
        for url in server["urls"]:
            link = f'<{url}>; rel="ice-server"'
            if "username" in server:
                link += f'; username="{server["username"]}"; credential="{server["credential"]}"'
                link += '; credential-type="password"'
            links.append(link)
    return links


@router.get("/v1/ice-servers", summary="STUN and TURN servers for RTCPeerConnection")
async def get_ice_servers(
    services: ServicesDep, identity: Annotated[Identity, Depends(Guard(Needs.CREDENTIAL))], response: Response
) -> list[dict[str, Any]]:
    """Each token has a user name of its own at the TURN server; with a key, each answer has."""
    services.access.count_credentials(identity)
    response.headers["Cache-Control"] = "no-store"
    return issue(services, identity.token or new_id())
