"""Render an MP4 with the generator beside this file: python render.py PORTRAIT AUDIO OUT.mp4"""

import sys
from pathlib import Path

from glow import Glow

from livehead.render.offline import render

if __name__ == "__main__":
    portrait, audio, out = map(Path, sys.argv[1:])
    generator = Glow()
    render(portrait, audio, out, generator=generator, preset=generator.info.presets["low"], seed=0, progress=True)
