"""Unguessable names, and the replica that they belong to.

In a fleet, names of sessions begin with the replica that holds them, as ``r3f9.AbC…``: whoever is to pass a request on
needs no table for it.
"""

from __future__ import annotations

import secrets

SEPARATOR = "."


def new_id(replica: str | None = None) -> str:
    """An unguessable, URL-safe name for a session or a token (96 bits), of ``replica`` if there is one."""
    name = secrets.token_urlsafe(12)
    return name if replica is None else f"{replica}{SEPARATOR}{name}"


def replica_of(name: str) -> str | None:
    """The replica that a name belongs to, None for one without."""
    replica, separator, _ = name.partition(SEPARATOR)
    return replica if separator else None
