"""Bounds that more than one layer keeps: sizes in bytes, times in seconds."""

from __future__ import annotations

MAX_SDP = 64 * 1024
"""Bytes of a session description. A browser's offer with every codec it has takes under 10 KiB."""

MAX_CANDIDATES = 64
"""ICE candidates of one client that are looked at."""

CONNECT_S = 20.0
"""A client that was answered and has not connected after so long never will."""
