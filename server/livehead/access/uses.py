"""How often the tokens with a number of uses were used."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Protocol

from livehead.core.identity import Identity
from livehead.core.ids import new_id
from livehead.errors import ForbiddenError, UnavailableError
from livehead.store.objects.base import ObjectStore
from livehead.store.objects.threads import StorageThreads

FOLDER = "uses"

HOUR_S = 3600

GRACE_S = 60.0
"""A token is taken for so long after it has expired, by clocks that differ."""

ATTEMPTS = 100
"""To count one use where other servers count uses of the same token at the same time."""


class Uses(Protocol):
    """``identity`` is that of a token; of others, and of tokens without a number, nothing is counted."""

    async def spend(self, identity: Identity) -> None:
        """Count one use. Raises ForbiddenError where there is none left."""
        ...

    async def give_back(self, identity: Identity) -> None:
        """Take one use back: what it was for was refused."""
        ...


class OwnUses:
    """Implements :class:`Uses` for a server whose tokens no other one takes, nor itself after a restart: counted in
    memory until the token expires. ``clock`` is Unix time in seconds."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._used: dict[str, tuple[int, float]] = {}

    async def spend(self, identity: Identity) -> None:
        if identity.token is None or identity.uses is None:
            return
        used, _ = self._used.get(identity.token, (0, 0.0))
        _check(used, identity.uses)
        if not used:
            self._forget_expired()
        self._used[identity.token] = used + 1, identity.expires or 0.0

    async def give_back(self, identity: Identity) -> None:
        if identity.token is not None and identity.token in self._used:
            used, expires = self._used[identity.token]
            self._used[identity.token] = max(0, used - 1), expires

    def _forget_expired(self) -> None:
        now = self._clock()
        for token in [token for token, (_, expires) in self._used.items() if expires + GRACE_S < now]:
            del self._used[token]


class SharedUses:
    """Implements :class:`Uses` for servers that have one ``token_secret``, by a small object for each token that was
    used, ``uses/HOUR/TOKEN.json``; HOUR is that in which it expires, so that a listing tells the old ones."""

    def __init__(self, objects: ObjectStore, threads: StorageThreads, clock: Callable[[], float] = time.time) -> None:
        self._objects = objects
        self._threads = threads
        self._clock = clock
        self._swept = -1

    async def spend(self, identity: Identity) -> None:
        """Raises StoreError, too: nothing is let in that cannot be counted."""
        if identity.token is not None and identity.uses is not None:
            await self._threads.run(self._add, identity, identity.uses, 1)

    async def give_back(self, identity: Identity) -> None:
        if identity.token is not None and identity.uses is not None:
            await self._threads.run(self._add, identity, identity.uses, -1)

    def _add(self, identity: Identity, most: int, count: int) -> None:
        self._sweep()
        key = f"{FOLDER}/{int((identity.expires or 0.0) // HOUR_S)}/{identity.token}.json"
        for _ in range(ATTEMPTS):
            found = self._objects.get(key)
            used = 0 if found is None else int(json.loads(found.data)["used"])
            if count > 0:
                _check(used, most)
            data = json.dumps({"used": max(0, used + count), "by": new_id()}).encode()
            if found is None:
                written = self._objects.create(key, data)
            else:
                written = self._objects.replace(key, data, found.version)
            if written is not None:
                return
        raise UnavailableError("This token is used too often at once. Try again in a moment.", retry_after=1.0)

    def _sweep(self) -> None:
        """Once an hour, and at the first use."""
        now = self._clock() - GRACE_S
        if int(now // HOUR_S) == self._swept:
            return
        self._swept = int(now // HOUR_S)
        for each in self._objects.list(FOLDER):
            hour = each.key.split("/")[1]
            if hour.isdecimal() and int(hour) < self._swept:
                self._objects.delete(each.key)


def _check(used: int, most: int) -> None:
    if used >= most:
        raise ForbiddenError(
            f"This token has been used as often as it may be ({most}). Ask your backend for a new one.", problem="uses"
        )
