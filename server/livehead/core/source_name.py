"""Where a session's speech comes from."""

from __future__ import annotations

from typing import Literal, TypeAlias

SourceName: TypeAlias = Literal["mic", "push"]
"""The client's microphone, or a backend that pushes it."""
