"""The places that sessions take, and who takes them: limits by key and network, and who gives way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Protocol, TypeVar

from livehead.core.identity import Identity
from livehead.core.networks import network_of
from livehead.errors import RateLimitError
from livehead.settings import LimitSettings

RETRY_S = 5.0

FIRST_CHECK_S = 1.0
"""A client that was answered, and whose first connectivity check comes within this time, keeps its place."""


class Place(Protocol):
    """Taken by a session, or by an offer that is being answered. ``network`` is what the client's address counts
    as."""

    @property
    def opened_by(self) -> Identity: ...

    @property
    def network(self) -> str: ...


class Answered(Protocol):
    """A session whose client may not be there. ``answered_at`` is in monotonic seconds; ``heard`` says that a
    connectivity check has come."""

    @property
    def network(self) -> str: ...

    @property
    def answered_at(self) -> float: ...

    @property
    def heard(self) -> bool: ...


_Session = TypeVar("_Session", bound=Answered)


def check_pending(limits: LimitSettings, pending: int) -> None:
    """Raises RateLimitError, ``problem`` ``too-many-pending``, where ``pending`` clients of one network that were
    answered have not connected, and no more may be answered."""
    if pending >= limits.max_pending_per_address:
        raise RateLimitError(
            f"{pending} offers of your address have been answered and are not connected; more are not answered "
            "until they are. Connect them, or end them with DELETE.",
            problem="too-many-pending",
            retry_after=limits.setup_seconds / 2,
        )


def check_places(limits: LimitSettings, identity: Identity, places: Collection[Place]) -> None:
    """Raises RateLimitError, ``problem`` ``too-many-sessions``, where with these ``places`` taken somebody may not
    have one more."""
    network = network_of(identity.address)
    from_here = sum(place.network == network for place in places)
    if from_here >= limits.max_sessions_per_address:
        raise _too_many("address", from_here)
    most = limits.max_sessions_per_key
    if identity.owner and most is not None:
        of_key = sum(place.opened_by.owner == identity.owner for place in places)
        if of_key >= most:
            raise _too_many("key", of_key)


def choose_to_give_way(sessions: Iterable[_Session], now: float) -> _Session | None:
    """Of sessions whose clients were not heard in :data:`FIRST_CHECK_S`, the oldest one of the network that has the
    most unheard ones; None where there is none. A client that is there is heard sooner."""
    unheard = [session for session in sessions if not session.heard]
    held = Counter(session.network for session in unheard)
    late = [session for session in unheard if now - session.answered_at > FIRST_CHECK_S]
    return min(late, key=lambda session: (-held[session.network], session.answered_at), default=None)


def _too_many(whose: str, held: int) -> RateLimitError:
    return RateLimitError(
        f"Your {whose} has {held} sessions, the most it may have. End one, or try again when one has ended.",
        problem="too-many-sessions",
        retry_after=RETRY_S,
    )
