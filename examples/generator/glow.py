"""A complete generator: the portrait, as bright as the speech is loud."""

from collections import deque

import cv2
import numpy as np

from livehead.core.block import BLOCK_SAMPLES
from livehead.engine.base import GeneratorInfo, Preset


class GlowStream:
    def __init__(self, portrait):
        self.portrait = portrait * np.float32(0.5)  # half as bright, so that there is room above
        self.glow = deque([0.0], maxlen=64)  # of the latest frames, 0 … 1


class Glow:
    def __init__(self, size=512):
        presets = {"low": Preset(1, 0, 200), "balanced": Preset(2, 0, 400), "throughput": Preset(4, 0, 600)}
        self.info = GeneratorInfo("glow", size, size, window=4, motion_frames=1, presets=presets, max_batch=8)

    def open(self, portrait, seed):
        return GlowStream(cv2.resize(portrait, (self.info.width, self.info.height)))

    def step(self, work, pixel_format="yuv420p"):
        return [np.stack([self._frame(each, i, pixel_format) for i in range(each.hop)]) for each in work]

    def _frame(self, work, i, pixel_format):
        block, glow = work.pcm[i * BLOCK_SAMPLES : (i + 1) * BLOCK_SAMPLES], work.stream.glow
        glow.append(max(0.8 * glow[-1], min(1.0, 4 * float(np.sqrt(np.mean(block**2))))))
        rgb = (work.stream.portrait * (1 + glow[-1])).astype(np.uint8)
        return rgb if pixel_format == "rgb24" else cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420)

    def rewind(self, stream, shown, unshown):
        for _ in range(min(unshown, len(stream.glow) - 1)):
            stream.glow.pop()

    def close(self, stream):
        stream.glow.clear()
