"""FlashHead: one portrait and live speech to 25 frames per second (arXiv 2602.07449).

torch is imported when ``FlashHead`` is used, not with this package.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from livehead.engine.flashhead.generator import FlashHead as FlashHead


def __getattr__(name: str) -> Any:
    if name != "FlashHead":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module("livehead.engine.flashhead.generator").FlashHead
