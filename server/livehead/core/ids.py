"""Unguessable names."""

from __future__ import annotations

import secrets


def new_id() -> str:
    """An unguessable, URL-safe name for a session or a token (96 bits)."""
    return secrets.token_urlsafe(12)
