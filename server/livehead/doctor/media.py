"""The video encoders, the built-in portraits, and the folder for uploaded ones."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import numpy as np

from livehead.avatars import builtin_avatars, load_portrait
from livehead.doctor.finding import Finding, fail, ok
from livehead.errors import LiveheadError
from livehead.media.video.encoder import VideoEncoder
from livehead.settings import Settings

SIDE = 256
RATE = 1_000_000


def check_codecs(settings: Settings) -> Iterator[Finding]:
    """Encodes one frame with each."""
    frame = np.full((SIDE * 3 // 2, SIDE), 128, np.uint8)
    found = {}
    for codec in ("h264", "vp8"):
        encoder = VideoEncoder(codec, RATE)
        try:
            encoder.encode(frame, 0, RATE)
        except (OSError, ValueError, RuntimeError) as error:
            yield fail("codecs", f"cannot encode {codec}: {error}", "pip install --force-reinstall av")
            return
        found[codec] = encoder.name
    names = ", ".join(f"{codec} by {name}" for codec, name in found.items())
    yield ok("codecs", f"{names} (PyAV {metadata.version('av')})")


def check_portraits(settings: Settings) -> Iterator[Finding]:
    try:
        avatars = builtin_avatars()
        for avatar in avatars:
            load_portrait(avatar.path)
    except (LiveheadError, OSError, ValueError) as error:
        yield fail("portraits", str(error), "pip install --force-reinstall livehead")
        return
    folder = settings.server.data_dir
    above = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        yield fail("portraits", f"cannot write to {Path(folder).absolute()}", "Choose another with --data-dir.")
        return
    yield ok("portraits", f"{len(avatars)} built in; {folder.absolute()} is writable")
