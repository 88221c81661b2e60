"""Bounds that more than one layer keeps: sizes in bytes, times in seconds."""

from __future__ import annotations

MAX_SDP = 32 * 1024
"""Bytes of a session description. A browser's offer with every codec it has takes about 10 KiB."""

MAX_SDP_LINES = 1024
"""Lines of a session description; such an offer has about 250."""

MAX_SDP_LINE = 1024
"""Characters of one line of it."""

MAX_M_LINES = 4
"""Media sections of an offer. Three are served: audio, video, data."""

MAX_CANDIDATES = 50
"""ICE candidates of one client that are looked at."""

MAX_REMOTE_CANDIDATES = 10
"""ICE candidates of one client that are tried, those of the offer and those that came later together."""

CONNECT_S = 20.0
"""A client that was answered and has not connected after so long never will."""

MAX_MESSAGE = 4 * MAX_SDP
"""Bytes of a text message on a socket: a description, escaped, and some room."""

MAX_JSON_DEPTH = 16
"""How deeply the JSON of a client may be nested. No message of ours has more than 3 levels."""

MAX_JSON_BRACKETS = 1000
"""Arrays and objects in the JSON of a client."""

MAX_CANDIDATE = 4096
"""Bytes of one ICE candidate's line."""

MAX_NAME = 256
"""Bytes of the name of an avatar, a preset or an m-line."""

MAX_TOKEN = 8192
"""Bytes of an access token."""

MAX_SEED = 2**63 - 1
"""The largest seed of an engine's stream."""
