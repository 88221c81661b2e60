"""Credentials for a TURN server that shares a secret with us (draft-uberti-behave-turn-rest-00, coturn's
``use-auth-secret``): the user name begins with the time of expiry, the password is its HMAC-SHA1 under the secret."""

from __future__ import annotations

import base64
import hashlib
import hmac


def turn_credentials(secret: str, user: str, expiry: int) -> tuple[str, str]:
    """User name and password. ``expiry`` is Unix time in seconds."""
    username = f"{expiry}:{user}"
    digest = hmac.new(secret.encode(), username.encode(), hashlib.sha1).digest()
    return username, base64.b64encode(digest).decode()
