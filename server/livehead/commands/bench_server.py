"""The server that a benchmark starts for itself: what it is told of the settings of the command."""

from __future__ import annotations

from typing import Any

from livehead.models.places import models_folder
from livehead.settings import Settings


def server_options(settings: Settings, latency: str) -> dict[str, Any]:
    """Settings by name; ``latency`` is of sessions that choose none."""
    engine = settings.engine
    return {
        "engine": engine.engine,
        "variant": engine.variant,
        "models": models_folder(engine),
        "device": engine.device,
        "size": engine.size,
        "latency": latency,
    }
