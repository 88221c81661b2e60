"""The video encoders and the built-in portraits."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import metadata

import numpy as np

from livehead.avatars import builtin_avatars, load_portrait
from livehead.doctor.environment import Environment
from livehead.doctor.finding import Finding, fail, ok
from livehead.errors import LiveheadError
from livehead.media.video.encoder import VideoEncoder
from livehead.settings import Settings

SIDE = 256
RATE = 1_000_000


def check_codecs(settings: Settings, environment: Environment) -> Iterator[Finding]:
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


def check_portraits(settings: Settings, environment: Environment) -> Iterator[Finding]:
    try:
        avatars = builtin_avatars()
        for avatar in avatars:
            load_portrait(avatar.path)
    except (LiveheadError, OSError, ValueError) as error:
        yield fail("portraits", str(error), "pip install --force-reinstall livehead")
        return
    yield ok("portraits", f"{len(avatars)} built in")
