"""What a client may choose as latency: the name of a preset of the engine, or to leave that to the server."""

from __future__ import annotations

AUTO = "auto"
"""The server gives the session the lowest delay that its load allows, and moves it as that changes."""
