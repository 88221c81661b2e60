"""Tokens: rubbish is refused, and claims of any form under a valid signature are read or refused."""

from __future__ import annotations

import json
from typing import Any

import jwt

from fuzz.mutators import json_mutator
from fuzz.target import Target
from fuzz.targets.messages import check_refusal
from livehead.access.tokens import ALGORITHM, Grant, Tokens
from livehead.core.identity import Identity, Role
from livehead.core.limits import MAX_TOKEN
from livehead.errors import RequestError

NOW = 1_800_000_000.0
TOKENS = Tokens("s" * 32, 3600, lambda: NOW)
OWNERS = frozenset({"front"})


def run(data: bytes) -> None:
    """As it is, and, where it is a JSON object, as the claims of a token that the server signed."""
    identity = _read(data.decode("utf-8", "surrogateescape"))
    assert identity is None, "a token was accepted that nobody signed"
    try:
        claims = json.loads(data)
    except (ValueError, RecursionError):
        return
    if not isinstance(claims, dict):
        return
    try:
        token = jwt.encode(claims, TOKENS._key, ALGORITHM)
    except (TypeError, ValueError, RecursionError):
        return
    _check(claims, _read(token))
    assert _read(token[:-2] + ("AA" if token[-2:] != "AA" else "BA")) is None, "the signature was not looked at"
    assert _read(jwt.encode(claims, b"k" * 32, ALGORITHM)) is None


def _read(token: str) -> Identity | None:
    try:
        return TOKENS.read(token, "192.0.2.1", OWNERS)
    except RequestError as error:
        refusal = error
    check_refusal(refusal)
    assert refusal.status == 401
    return None


def _check(claims: dict[str, Any], identity: Identity | None) -> None:
    if identity is None:
        return
    assert identity.owner in OWNERS
    assert identity.roles
    assert identity.roles <= set(Role)
    assert identity.token is not None
    assert identity.expires is not None
    assert identity.expires > NOW - 60, "expired"
    assert identity.roles <= set(claims["roles"])
    token = TOKENS.make(identity.owner, Grant(roles=identity.roles, avatar=identity.avatar, source=identity.source))
    assert len(token) <= MAX_TOKEN
    assert TOKENS.read(token, identity.address, OWNERS).roles == identity.roles


def _claims(**more: Any) -> dict[str, Any]:
    return {
        "aud": "livehead",
        "sub": "front",
        "jti": "abc",
        "iat": int(NOW),
        "exp": int(NOW) + 3600,
        "roles": ["open", "view"],
        **more,
    }


TARGET = Target(
    "token",
    run,
    (
        json.dumps(_claims()).encode(),
        json.dumps(_claims(avatar="amara", source="push", session="x", max_seconds=60.5, uses=3)).encode(),
        jwt.encode(_claims(), b"k" * 32, ALGORITHM).encode(),
        jwt.encode(_claims(), None, "none").encode(),
        b"lh_" + b"A" * 43,
    ),
    json_mutator(
        (*_claims(avatar=1, source=1, session=1, max_seconds=1, uses=1), "nbf", "iss"),
        (["open"], ["admin"], ["livehead"], "livehead", "front", NOW, NOW - 10, float("inf"), float("nan"), 1e999),
    ),
    MAX_TOKEN + 64,
    (15_000, 20.0),
)
