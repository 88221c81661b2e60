#!/usr/bin/env python3
"""Write thinned copies of golden cases into ``cases/`` beside this file.

    python thin.py FOLDER        # with full cases, *.npz

All inputs, latents and audio embeddings are kept, and of the expected frames those of the last step: everything before
has a part in them, and the motion latent of each step is made from that step's frames.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

CASES = Path(__file__).with_name("cases")


def thin(full: Path, out: Path) -> None:
    with np.load(full) as file:
        data = dict(file)
    last = f"frames_{len(data['hops']) - 1}"
    np.savez_compressed(
        out, **{key: value for key, value in data.items() if key == last or not key.startswith("frames_")}
    )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: thin.py FOLDER")
    CASES.mkdir(exist_ok=True)
    for path in sorted(Path(sys.argv[1]).glob("*.npz")):
        thin(path, CASES / path.name)
