"""GET /v1/ice-servers: STUN and TURN for clients, with credentials that live for minutes.

The credentials follow the TURN REST API draft (draft-uberti-behave-turn-rest-00): the user name is
the time of expiry, the password its HMAC-SHA1 under the secret shared with the TURN server, which
is what coturn's ``use-auth-secret`` checks.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from typing import Any

from fastapi import APIRouter, Response

from livehead.api.services import ServicesDep
from livehead.settings import MediaSettings

router = APIRouter(tags=["ice"])

USER = "livehead"


def ice_servers(settings: MediaSettings, now: float | None = None) -> list[dict[str, Any]]:
    """A list of ``RTCIceServer`` dictionaries; ``now`` is Unix time in seconds."""
    servers: list[dict[str, Any]] = []
    if settings.stun_urls:
        servers.append({"urls": list(settings.stun_urls)})
    if settings.turn_urls and settings.turn_secret:
        expiry = int(time.time() if now is None else now) + settings.turn_ttl
        username = f"{expiry}:{USER}"
        digest = hmac.new(settings.turn_secret.encode(), username.encode(), hashlib.sha1).digest()
        credential = base64.b64encode(digest).decode()
        servers.append({"urls": list(settings.turn_urls), "username": username, "credential": credential})
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
async def get_ice_servers(services: ServicesDep, response: Response) -> list[dict[str, Any]]:
    response.headers["Cache-Control"] = "no-store"
    return ice_servers(services.settings.media)
