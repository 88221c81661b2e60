"""Makes web/demo/sample.mp3, what a portrait says when somebody presses "Hear it speak". From the repository's root:

    .venv/bin/pip install -c constraints.txt -r examples/agent/requirements.txt
    .venv/bin/python -m art.sample

The voice is Hibari, a synthetic one (Apache-2.0), as in examples/agent. No recording of anybody.
"""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from examples.agent.voice import RATE, Voice

SENTENCES = (
    "Hello! I am only a picture, but I can talk.",
    "Press the big button, say something, and I will say it with you.",
)
PAUSE_S = 0.3
BIT_RATE = 48_000
OUT = Path(__file__).parents[1] / "web" / "demo" / "sample.mp3"


def main() -> None:
    voice = Voice()
    pause = np.zeros(round(PAUSE_S * RATE), np.float32)
    samples = np.concatenate([part for text in SENTENCES for part in (pause, voice(text))] + [pause])
    samples *= 0.85 / np.abs(samples).max()
    with av.open(str(OUT), "w", format="mp3", options={"write_xing": "1", "id3v2_version": "0"}) as container:
        stream = container.add_stream("libmp3lame", rate=RATE, layout="mono")
        stream.bit_rate = BIT_RATE
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate = RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    print(f"{OUT.name}: {len(samples) / RATE:.1f} s, {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
