"""What of a session is kept."""

from __future__ import annotations

from typing import Literal, TypeAlias

RecordMode: TypeAlias = Literal["off", "film", "replay"]
"""Nothing, a film of what was sent, or what it takes to render the session again."""
