"""The program that decodes one audio file and ends, so that what a stranger's file does to a decoder, it does there.

    python -m livehead.render.jobs.audio_decoder IN OUT MOST

OUT becomes a WAV file of 16 bits at 48 kHz, mono or stereo. A line of JSON on stdout says how long it is, or what is
wrong with IN: ``{"seconds": …}``, ``{"empty": true}``, ``{"too_long": true}`` or ``{"error": …}``; or with OUT:
``{"no_room": true}``. MOST is in seconds.
"""

from __future__ import annotations

import json
import os
import sys
import wave
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livehead.errors import MediaError
from livehead.files.whole import NO_ROOM
from livehead.media.audio.file import TRACK_RATE, AudioFile
from livehead.store.portraits.confinement import confine

SECONDS = 60
"""Of processor time, and by the clock: two hours of audio take half of it on a slow core."""

SLACK_S = 1.0
"""Codecs add a little at both ends, and a file does not know its length to the sample."""

NAME = "the file"


def decode(source: Path, target: Path, most: float) -> dict[str, Any]:
    """What is printed. Blocks."""
    samples = 0
    try:
        with AudioFile(source, name=NAME) as audio:
            if audio.seconds is not None and audio.seconds > most + SLACK_S:
                return {"too_long": True}
            with target.open("wb") as file, wave.open(file, "wb") as out:
                out.setparams((audio.channels, 2, TRACK_RATE, 0, "NONE", ""))
                for decoded in audio:
                    samples += decoded.track.shape[1]
                    if samples > (most + SLACK_S) * TRACK_RATE:
                        return {"too_long": True}
                    out.writeframesraw(_to_int16(decoded.track).tobytes())
    except MediaError as error:
        return {"error": str(error)}
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        return {"no_room": True}
    return {"seconds": samples / TRACK_RATE} if samples else {"empty": True}


def _to_int16(track: NDArray[np.float32]) -> NDArray[np.int16]:
    """``(channels, n)`` to ``(n, channels)``; what was 16 bits before comes out as it was."""
    return np.clip(np.rint(track.T * 32768), -32768, 32767).astype("<i2")


def max_bytes(most: float) -> int:
    """Of the largest file that comes of ``most`` seconds."""
    return round((most + 2 * SLACK_S) * TRACK_RATE * 2 * 2) + 4096


def main() -> int:
    source, target, most = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
    confine(seconds=SECONDS, output=max_bytes(most))
    print(json.dumps(decode(source, target, most)), flush=True)
    return 0


if __name__ == "__main__":
    os._exit(main())  # nothing is left that would be worth the time of an orderly end
