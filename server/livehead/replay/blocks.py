"""The blocks of a session's audio that were kept last, each under its k. Writer and reader have the same."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np

from livehead.core.block import BLOCK_SAMPLES, Pcm
from livehead.media.audio.flac import Samples

KEPT = 1024
"""Far more than a window is long and a block may wait."""


class KeptBlocks:
    """int16 ``(640,)`` each. The oldest give way to new ones."""

    def __init__(self) -> None:
        self._blocks: OrderedDict[int, Samples] = OrderedDict()

    def keep(self, k: int, samples: Samples) -> None:
        """Block ``k`` is this from now on."""
        self._blocks.pop(k, None)
        self._blocks[k] = samples
        if len(self._blocks) > KEPT:
            self._blocks.popitem(last=False)

    def has(self, k: int, samples: Samples) -> bool:
        """Whether block ``k`` is this."""
        kept = self._blocks.get(k)
        return kept is not None and np.array_equal(kept, samples)

    def pcm(self, k: int, count: int) -> Pcm:
        """Blocks ``k … k + count - 1`` as float32 ``(count * 640,)``. Raises KeyError for one that is not kept."""
        return to_pcm(np.concatenate([self._blocks[each] for each in range(k, k + count)]))


def to_pcm(samples: Samples) -> Pcm:
    """The samples that :func:`livehead.core.block.quantize` gives, to the bit."""
    return samples.astype(np.float32) / np.float32(32768)


def to_samples(pcm: Pcm) -> Samples:
    """Quantized samples as int16."""
    return np.rint(pcm * 32768).clip(-32768, 32767).astype(np.int16)


def split(samples: Samples) -> list[Samples]:
    """Whole blocks."""
    return [samples[start : start + BLOCK_SAMPLES] for start in range(0, len(samples), BLOCK_SAMPLES)]
