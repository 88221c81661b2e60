"""Every route of the server as a request that can be made, and every way to come with credentials or without."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fastapi.routing import APIRoute, APIWebSocketRoute

from livehead.access.key_file import changing
from livehead.access.keys import new_key
from livehead.access.tokens import Grant, Tokens
from livehead.api.guard import Guard, Needs, guards_of
from livehead.app import routers
from livehead.core.identity import Role

RECORDING = "a-recording"
RENDER = "a-render"
"""The id of one of alice's, of the session."""

SECRET = "a secret of the tests, of enough characters"


@dataclass(frozen=True, slots=True)
class Door:
    """``path`` may hold ``{session_id}``. ``method`` is ``WS`` for a WebSocket."""

    method: str
    path: str
    guard: Guard

    @property
    def of_session(self) -> bool:
        return "{session_id}" in self.path

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def doors() -> Iterator[Door]:
    """All that there are."""
    for router in routers():
        for route in router.routes:
            assert isinstance(route, APIRoute | APIWebSocketRoute)
            [guard] = guards_of(route)
            path = route.path.replace("{avatar_id}", "default").replace("docs/{path:path}", "docs/docs.js")
            path = path.replace("{path:path}", "index.js").replace("{recording_id}", RECORDING)
            path = path.replace("{render_id}", RENDER)
            path = path.replace("{path:page}", "")
            for method in sorted(route.methods) if isinstance(route, APIRoute) else ["WS"]:
                yield Door(method, path, guard)


class Credentials:
    """Of two keys, alice's and bob's. A session of alice is opened with :attr:`opener`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (self.alice, first), (self.bob, second) = new_key("alice", ""), new_key("bob", "")
        with changing(path) as keys:
            keys += [first, second]
        self.opener = self._token("alice", *Role)

    def wrong(self) -> dict[str, str | None]:
        """Credentials that open nothing, by what is wrong with them."""
        everything = Grant(roles=frozenset(Role))
        expired = Tokens(SECRET, 60, lambda: time.time() - 3600).make("alice", everything)
        revoked = Tokens(SECRET, 60).make("carol", everything)
        foreign = Tokens("some other server's secret, long enough", 60).make("alice", everything)
        return {
            "none": None,
            "empty": "Bearer",
            "another scheme": f"Basic {self.alice}",
            "garbage": "Bearer garbage",
            "an unknown key": f"Bearer lh_{'x' * 43}",
            "an expired token": f"Bearer {expired}",
            "a token of a revoked key": f"Bearer {revoked}",
            "a token of another server": f"Bearer {foreign}",
            "a changed token": f"Bearer {self.opener[:-3]}abc",
        }

    def forbidden(self, door: Door) -> dict[str, str]:
        """Valid credentials that do not open this door, by what they lack."""
        found = {}
        needs = door.guard.needs
        if needs is Needs.KEY:
            found["a token where a key is needed"] = self.opener
        if isinstance(needs, Role):
            others = [role for role in Role if role is not needs]
            found["a token with the other roles"] = self._token("alice", *others)
        if door.of_session and isinstance(needs, Role):
            found["another key"] = self.bob
            found["another key's token"] = self._token("bob", *Role)
            found["a token for another session"] = self._token("alice", *Role, session="another")
            if needs is Role.OPEN:
                found["a token that opened another session"] = self._token("alice", *Role)
        return {name: f"Bearer {credential}" for name, credential in found.items()}

    def right(self, door: Door) -> dict[str, str]:
        """Credentials that open this door."""
        found = {"the key": self.alice}
        if door.guard.needs is not Needs.KEY:
            found["the token that opened the session"] = self.opener
        if isinstance(door.guard.needs, Role) and door.guard.needs is not Role.OPEN:
            found["a token with this role alone"] = self._token("alice", door.guard.needs)
        return {name: f"Bearer {credential}" for name, credential in found.items()}

    def _token(self, owner: str, *roles: Role, session: str | None = None) -> str:
        return Tokens(SECRET, 600).make(owner, Grant(roles=frozenset(roles), session=session))
