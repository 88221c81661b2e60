"""The colour match of one window's frames, for a batch whose streams may have different hops."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from livehead.engine.base import PixelFormat
from livehead.engine.flashhead.colour.match import ColourStatistics, match, stack_statistics
from livehead.engine.flashhead.colour.pixels import to_i420, to_rgb24


def match_window(
    frames: Tensor,
    first: int,
    motion_frames: int,
    colours: Sequence[ColourStatistics],
    hops: Sequence[int],
    pixel_format: PixelFormat,
) -> tuple[list[Tensor], Tensor]:
    """Match the frames that are shown or fed back.

    ``frames`` (B, n, 3, H, W), decoded, begin with frame ``first`` of the window. Returns each stream's shown frames
    as uint8 on the device, (hop, H·3/2, W) or (hop, H, W, 3), and the frames to feed back, float32 (B, m, 3, H, W) in
    [0, 1].
    """
    m = motion_frames
    convert = to_i420 if pixel_format == "yuv420p" else to_rgb24
    shown: dict[int, Tensor] = {}
    fed_back: dict[int, Tensor] = {}
    for hop in sorted(set(hops)):
        rows = [row for row, other in enumerate(hops) if other == hop]
        start = min(m, hop)
        some = frames[:, start - first : m + hop - first]
        if len(rows) < len(hops):
            some = torch.stack([some[row] for row in rows])
        matched = match(some, stack_statistics([colours[row] for row in rows]))
        new = convert(matched[:, m - start :])
        for place, row in enumerate(rows):
            shown[row] = new[place]
            fed_back[row] = matched[place, hop - start : hop - start + m]
    order = range(len(hops))
    return [shown[row] for row in order], torch.stack([fed_back[row] for row in order])
