"""A server with keys for browser tests, and the tokens that it takes or refuses."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livehead.access.tokens import Grant, Tokens
from livehead.core.identity import Role
from livehead.sessions.session import Session
from serving import Served
from waiting import until

SECRET = "a secret of the tests, of enough characters"
KEY = "lh_" + "k" * 43
OTHER_KEY = "lh_" + "x" * 43
NAME = "site"
LIFETIME_S = 600

REFUSED = r"Failed to load resource: the server responded with a status of (401|403|429)|ERR_INTERNET_DISCONNECTED"
"""What Chromium itself writes to the console for such an answer; no page can prevent it."""


def write_keys(path: Path, *keys: str) -> Path:
    """A file of keys, all by one name."""
    lines = [f"{NAME}:{hashlib.sha256(key.encode()).hexdigest()}\n" for key in keys]
    path.write_text("".join(lines))
    return path


def token(*roles: Role, owner: str = NAME, age: float = 0.0, **claims: Any) -> str:
    """A token that was made ``age`` seconds ago."""
    tokens = Tokens(SECRET, LIFETIME_S, clock=lambda: time.time() - age)
    return tokens.make(owner, Grant(roles=frozenset(roles or (Role.OPEN,)), **claims))


def expired() -> str:
    return token(age=LIFETIME_S + 60)


@dataclass
class Locked:
    """``keys`` is the file that the server reads."""

    served: Served
    keys: Path

    @property
    def url(self) -> str:
        return self.served.url

    async def session(self) -> Session:
        """The one that is open."""
        registry = self.served.services.registry
        await until(lambda: len(registry.sessions) == 1)
        return registry.sessions[0]
