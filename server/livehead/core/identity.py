"""Who makes a request, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from livehead.core.source_name import SourceName
from livehead.errors import ForbiddenError


class Role(StrEnum):
    """What a token allows: open sessions and steer them, view one, speak through one, hear its user."""

    OPEN = "open"
    VIEW = "view"
    SPEAK = "speak"
    HEAR = "hear"


ALL_ROLES = frozenset(Role)


@dataclass(frozen=True, slots=True)
class Identity:
    """Made once for a request or a socket.

    ``address`` is the client's IP address. ``owner`` names the API key that the request was made with, itself or by
    a token of it; it is empty where the server has no keys, and everybody may do everything. ``token`` is the id of
    the token, None for the key itself. The other fields are what the token is limited to: ``avatar``, ``source`` and
    ``session`` to the one named, ``max_seconds`` to sessions that last so long, ``uses`` to so many sessions.
    ``expires`` is when the token does, in Unix time. ``behind_proxy`` says that the request came through a proxy that
    is not trusted, so that ``address`` is the proxy's, and says nothing about where the client is.
    """

    address: str
    owner: str = ""
    roles: frozenset[Role] = ALL_ROLES
    token: str | None = None
    avatar: str | None = None
    source: SourceName | None = None
    session: str | None = None
    max_seconds: float | None = None
    uses: int | None = None
    expires: float | None = None
    behind_proxy: bool = False

    @property
    def is_key(self) -> bool:
        """Whether this is the key itself, or anybody where there are none: then all of its owner's is in reach."""
        return self.token is None

    def check_role(self, role: Role) -> None:
        """Raises ForbiddenError where the token does not have the role."""
        if role not in self.roles:
            has = ", ".join(sorted(self.roles)) or "none"
            raise ForbiddenError(f"This needs a token with the role {role}; this one has {has}.", problem="role")

    def check_opening(self, avatar: str, source: SourceName) -> None:
        """Raises ForbiddenError where the token is for another portrait or source, or for one session only."""
        if self.session is not None:
            raise ForbiddenError("This token belongs to one session and opens no other.", problem="claim")
        if self.avatar is not None and avatar != self.avatar:
            raise ForbiddenError(f"This token is for the portrait {self.avatar!r} only.", problem="claim")
        if self.source is not None and source != self.source:
            raise ForbiddenError(f"This token is for source={self.source} only.", problem="claim")

    def check_session(self, session: str, opened_by: Identity, role: Role) -> None:
        """Raises ForbiddenError where this may not do with a session what takes ``role``. A key may with all sessions
        of its owner; a token of the same owner with those it opened and with the one it names, and one without a
        session of its own may view, speak and hear in any: session ids cannot be guessed."""
        self.check_role(role)
        if self.owner != opened_by.owner:
            raise ForbiddenError("This session belongs to another key.", problem="claim")
        if self.is_key or session == self.session or self.token == opened_by.token:
            return
        if self.session is not None or role is Role.OPEN:
            raise ForbiddenError("This token belongs to another session.", problem="claim")
