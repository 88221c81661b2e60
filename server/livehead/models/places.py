"""Where the weights are: the folder that was set, or the first of the usual places that holds some."""

from __future__ import annotations

import os
from pathlib import Path

from livehead.models.pins import read_pins
from livehead.settings import EngineSettings

WORKING = Path("models")
"""In the working directory."""

VENDORED = Path("SoulX-FlashHead/models")
"""Below the vendor folder: where the reference code looks for them too."""

MOUNTED = Path("/models")
"""What a container mounts."""


def models_places(settings: EngineSettings, mounted: Path = MOUNTED) -> tuple[Path, ...]:
    """The folders that are looked into, in order; one that was set is the only one."""
    if settings.models is not None:
        return (settings.models,)
    return (WORKING, settings.vendor_dir / VENDORED, mounted)


def models_folder(settings: EngineSettings, mounted: Path = MOUNTED) -> Path:
    """The first place in which a model's folder is. Where none is, the place to download to: the mounted folder if
    there is one that can be written, else the vendor folder's."""
    places = models_places(settings, mounted)
    if len(places) == 1:
        return places[0]
    names = {pin.folder for pin in read_pins()}
    for place in places:
        if any((place / name).is_dir() for name in names):
            return place
    return mounted if os.access(mounted, os.W_OK | os.X_OK) else places[1]
