"""Access tokens: JSON Web Tokens (RFC 7519) that a backend makes with its API key and gives to a client.

They are signed with HMAC-SHA256 under one secret of the server, and name the key they were made with: when it is
revoked, its tokens are worth nothing.
"""

from __future__ import annotations

import hashlib
import math
import secrets
import time
from collections.abc import Callable, Container
from typing import Annotated, Any

import jwt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from livehead.core.identity import Identity, Role
from livehead.core.limits import MAX_NAME, MAX_TOKEN
from livehead.core.source_name import SourceName
from livehead.errors import UnauthorizedError

AUDIENCE = "livehead"
ALGORITHM = "HS256"

LEEWAY_S = 5.0
"""How far the clocks of two servers that share a secret may differ."""

_NEEDED = ("aud", "exp", "iat", "jti", "sub")


class Grant(BaseModel):
    """What a token is to allow. ``session`` is for tokens that the server makes for one session."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    roles: Annotated[frozenset[Role], Field(min_length=1)]
    avatar: Annotated[str | None, Field(min_length=1, max_length=MAX_NAME)] = None
    source: SourceName | None = None
    session: Annotated[str | None, Field(min_length=1, max_length=MAX_NAME)] = None
    max_seconds: Annotated[float | None, Field(gt=0, le=10**9, allow_inf_nan=False)] = None
    uses: Annotated[int | None, Field(ge=1, le=10**6)] = None


class Tokens:
    """Makes tokens and reads them. ``secret`` of None takes a random one. ``clock`` is Unix time in seconds."""

    def __init__(self, secret: str | None, seconds: int, clock: Callable[[], float] = time.time) -> None:
        self.seconds = seconds
        self._key = hashlib.sha256(secret.encode()).digest() if secret else secrets.token_bytes(32)
        self._clock = clock

    def make(self, owner: str, grant: Grant) -> str:
        """A token of the key named ``owner``; it expires after :attr:`seconds`."""
        now = int(self._clock())
        claims: dict[str, Any] = {
            "aud": AUDIENCE,
            "sub": owner,
            "jti": secrets.token_urlsafe(12),
            "iat": now,
            "exp": now + self.seconds,
        } | grant.model_dump(mode="json", exclude_none=True)
        claims["roles"] = sorted(grant.roles)
        return jwt.encode(claims, self._key, ALGORITHM)

    def read(self, token: str, address: str, owners: Container[str]) -> Identity:
        """Who comes with the token. Raises UnauthorizedError for one that is not
        ours, has expired, or belongs to a key that is not among ``owners`` any more."""
        if len(token) > MAX_TOKEN:
            raise _invalid()
        try:
            # PyJWT has no clock to pass in, so the times are compared below.
            claims = jwt.decode(
                token,
                self._key,
                [ALGORITHM],
                audience=AUDIENCE,
                options={"require": list(_NEEDED), "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
            expires, owner, identifier = float(claims["exp"]), str(claims["sub"]), str(claims["jti"])
            if not math.isfinite(expires):
                raise _invalid()
            grant = Grant(**{name: value for name, value in claims.items() if name in Grant.model_fields})
        except (jwt.PyJWTError, ValidationError, ValueError, TypeError, OverflowError, RecursionError):
            raise _invalid() from None
        if self._clock() >= expires + LEEWAY_S:
            raise UnauthorizedError("This token has expired. Ask your backend for a new one.", problem="token-expired")
        if owner not in owners:
            raise UnauthorizedError("The key that this token was made with has been revoked.", problem="key-revoked")
        return Identity(
            address,
            owner,
            grant.roles,
            identifier,
            grant.avatar,
            grant.source,
            grant.session,
            grant.max_seconds,
            grant.uses,
            expires,
        )


def _invalid() -> UnauthorizedError:
    return UnauthorizedError(
        "This is no valid token of this server. Make one with POST /v1/tokens and an API key.", problem="token-invalid"
    )
