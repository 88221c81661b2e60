"""Tokens say what they say, to their server alone, and for a time."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import jwt
import pytest
from pydantic import ValidationError

from livehead.access.tokens import Grant, Tokens
from livehead.core.identity import Identity, Role
from livehead.errors import UnauthorizedError

SECRET = "a secret of the tests, of enough characters"
NOW = 1_800_000_000.0
OWNERS = frozenset({"alice", "bob"})
OPEN = Grant(roles=frozenset({Role.OPEN}))


def tokens(now: float = NOW, secret: str | None = SECRET) -> Tokens:
    return Tokens(secret, 600, lambda: now)


def read(token: str, now: float = NOW, owners: frozenset[str] = OWNERS) -> Identity:
    return tokens(now).read(token, "198.51.100.7", owners)


def forge(key: bytes | None = None, algorithm: str = "HS256", **claims: Any) -> str:
    real = {"aud": "livehead", "sub": "alice", "jti": "x", "iat": NOW, "exp": NOW + 60, "roles": ["open"]} | claims
    body = {name: value for name, value in real.items() if value is not None}
    return jwt.encode(body, hashlib.sha256(SECRET.encode()).digest() if key is None else key, algorithm)


def test_what_was_granted_comes_back() -> None:
    grant = Grant(
        roles=frozenset({Role.OPEN, Role.VIEW}), avatar="amara", source="push", max_seconds=90.5, uses=3, session="s1"
    )
    found = read(tokens().make("alice", grant))
    assert found.owner == "alice"
    assert found.address == "198.51.100.7"
    assert found.roles == {Role.OPEN, Role.VIEW}
    assert (found.avatar, found.source, found.session) == ("amara", "push", "s1")
    assert (found.max_seconds, found.uses, found.expires) == (90.5, 3, NOW + 600)
    assert not found.is_key


def test_each_token_has_an_id_of_its_own() -> None:
    made = tokens()
    assert len({read(made.make("alice", OPEN)).token for _ in range(100)}) == 100


def test_a_token_ends_in_time_with_a_little_leeway() -> None:
    token = tokens().make("alice", OPEN)
    assert read(token, NOW + 604).owner == "alice"
    with pytest.raises(UnauthorizedError, match="expired") as refusal:
        read(token, NOW + 606)
    assert refusal.value.problem == "token-expired"


def test_a_token_ends_with_its_key() -> None:
    with pytest.raises(UnauthorizedError, match="revoked") as refusal:
        read(tokens().make("carol", OPEN))
    assert refusal.value.problem == "key-revoked"


def test_servers_with_one_secret_read_each_others_tokens_and_others_do_not() -> None:
    token = tokens().make("alice", OPEN)
    assert read(token).owner == "alice"
    for other in (tokens(secret="another secret of as many characters."), tokens(secret=None)):
        with pytest.raises(UnauthorizedError):
            other.read(token, "198.51.100.7", OWNERS)


def unsigned() -> str:
    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    claims = {"aud": "livehead", "sub": "alice", "jti": "x", "iat": NOW, "exp": NOW + 60, "roles": ["open"]}
    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(claims)}."


@pytest.mark.parametrize(
    "token",
    [
        "",
        "lh_",
        "a.b.c",
        "e30.e30.e30",
        "\udc80",
        "x" * 10_000,
        unsigned(),
        forge(b"x" * 32),
        forge(b"x" * 64, "HS512"),
        forge(aud="other"),
        forge(aud=None),
        forge(exp=None),
        forge(exp="soon"),
        forge(exp=1e400),
        forge(sub=None),
        forge(jti=None),
        forge(iat=None),
        forge(roles=[]),
        forge(roles=["admin"]),
        forge(roles="open"),
        forge(uses=0),
        forge(uses=-1),
        forge(max_seconds=-1),
        forge(source="tv"),
        forge(avatar=["amara"]),
    ],
)
def test_what_is_no_token_of_ours_is_refused_in_the_same_words(token: str) -> None:
    with pytest.raises(UnauthorizedError) as refusal:
        read(token)
    assert refusal.value.problem == "token-invalid"
    assert "POST /v1/tokens" in str(refusal.value)


def test_a_changed_token_is_refused() -> None:
    token = tokens().make("alice", OPEN)
    head, body, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    claims["sub"] = "bob"
    changed = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    with pytest.raises(UnauthorizedError):
        read(f"{head}.{changed}.{signature}")


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"roles": []},
        {"roles": ["king"]},
        {"roles": ["open"], "max_seconds": 0},
        {"roles": ["open"], "max_seconds": float("inf")},
        {"roles": ["open"], "uses": 1.5},
        {"roles": ["open"], "avatar": ""},
        {"roles": ["open"], "avatar": "x" * 300},
        {"roles": ["open"], "colour": "red"},
    ],
)
def test_what_cannot_be_granted(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Grant(**wrong)
