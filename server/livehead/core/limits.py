"""Bounds that more than one layer keeps: sizes in bytes, times in seconds."""

from __future__ import annotations

MAX_SDP = 64 * 1024
"""Bytes of a session description. A browser's offer with every codec it has takes under 10 KiB."""

MAX_CANDIDATES = 64
"""ICE candidates of one client that are looked at."""

CONNECT_S = 20.0
"""A client that was answered and has not connected after so long never will."""

MAX_MESSAGE = 2 * MAX_SDP
"""Bytes of a text message on a socket: a description, escaped, and some room."""

MAX_CANDIDATE = 4096
"""Bytes of one ICE candidate's line."""

MAX_NAME = 256
"""Bytes of the name of an avatar, a preset or an m-line."""

MAX_TOKEN = 8192
"""Bytes of an access token."""

MAX_SEED = 2**63 - 1
"""The largest seed of an engine's stream."""
