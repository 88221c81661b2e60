"""Our own goldens: what the engine made of a tiny checkpoint on the day that it matched the reference.

    PYTHONPATH=server:tests python -m engine.flashhead.regression      # writes data/*.npz anew

Only to be run where the goldens of the reference pass.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from engine.flashhead.material import portrait, sound
from livehead.engine.base import Work
from livehead.engine.flashhead.generator import FlashHead
from livehead.engine.flashhead.weights.config import Variant
from livehead.engine.flashhead.weights.synthesize import Plan, gaussian

DATA = Path(__file__).with_name("data")

HOPS = ((5, 2), (18, 0), (6, 6))
"""Hop and lookahead of each step; after the second the stream is rewound by seven pictures."""


def play(engine: FlashHead) -> dict[str, Any]:
    """Everything a run shows, thinned out."""
    stream = engine.open(portrait(5, 70, 99), noise=lambda name, shape: gaussian(f"regression/{name}", shape))
    speech, made = sound(40, 6) + np.float32(0.05), 0
    result: dict[str, Any] = {"first_latent": stream.first_latent}
    m = engine.info.motion_frames
    for k, (hop, ahead) in enumerate(HOPS):
        pcm = speech[made * 640 : (made + hop + ahead) * 640]
        pictures = engine.step([Work(stream, pcm, hop)], pixel_format="rgb24")[0]
        made += hop
        result[f"frames_{k}"] = pictures[::5]
        result[f"motion_latent_{k}"] = stream.motion_latent
        result[f"audio_embedding_{k}"] = stream.audio_embedding[::8, 2]
        if k == 1:
            engine.rewind(stream, pictures[11 - m : 11], unshown=7)
            made -= 7
            result["rewind_latent"] = stream.motion_latent
    return {name: np.asarray(value) for name, value in result.items()}


def main() -> None:
    variants: tuple[Variant, ...] = ("lite", "pro")
    with tempfile.TemporaryDirectory() as folder:
        Plan(variants, tiny=True).write(Path(folder))
        for variant in variants:
            engine = FlashHead.load(folder, variant=variant, size=(64, 96), device="cpu", dtype="float32")
            np.savez_compressed(DATA / f"{variant}.npz", **play(engine))


if __name__ == "__main__":
    main()
