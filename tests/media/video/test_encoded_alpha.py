"""A transparent look through the encoders: alpha comes out as it went in, at the rate that a call begins with."""

from __future__ import annotations

import av
import numpy as np
import pytest

import voice
from livehead.avatars import builtin_avatars, load_portrait
from livehead.engine.base import Backdrop, Work
from livehead.engine.preview.generator import create
from livehead.media.rtp.rate_control import BitratePolicy
from livehead.media.video.encoder import VideoEncoder

SIZE = 256
FRAMES = 50


@pytest.fixture(scope="module")
def frames() -> list[np.ndarray]:
    generator = create(size=SIZE)
    stream = generator.open(load_portrait(builtin_avatars()[0].path), 4, backdrop=Backdrop("transparent"))
    speech = np.concatenate([voice.vowel(each, FRAMES / 25 / 5) for each in "aiuae"])
    return [generator.step([Work(stream, block, 1)])[0][0] for block in voice.blocks(speech)]


def alpha(i420: np.ndarray) -> np.ndarray:
    """As a browser gives it, 0..1."""
    return np.clip((i420[SIZE : 2 * SIZE].astype(np.float32) - 16) / 219, 0, 1)


@pytest.mark.parametrize("codec", ["h264", "vp8"])
def test_alpha_survives(frames: list[np.ndarray], codec: str) -> None:
    policy = BitratePolicy(SIZE, 2 * SIZE)
    encoder = VideoEncoder(codec, policy.ceiling)
    context = av.CodecContext.create({"h264": "h264", "vp8": "libvpx"}[codec], "r")
    chunks = [encoder.encode(frame, n * 3600, policy.bitrate).data for n, frame in enumerate(frames)]
    shown = [frame.to_ndarray() for chunk in chunks for frame in context.decode(av.Packet(chunk))]
    shown += [frame.to_ndarray() for frame in context.decode(None)]
    assert [each.shape for each in shown] == [(3 * SIZE, SIZE)] * FRAMES
    kbps = sum(map(len, chunks)) * 8 * 25 / FRAMES / 1000
    pairs = [(alpha(sent), alpha(seen)) for sent, seen in zip(frames, shown, strict=True)][FRAMES // 2 :]
    off = np.stack([np.abs(one - other) for one, other in pairs])
    given = np.stack([one for one, _ in pairs])
    print(
        f"{codec}: {kbps:.0f} kbit/s, alpha off by {off.mean():.4f} on average, {np.percentile(off, 99.9):.3f} at most"
    )
    assert off.mean() < 0.001
    assert np.percentile(off, 99.9) < 0.06
    # What is left within 0.03 of either end the element takes for none and all.
    assert np.percentile(off[given == 1], 99) < 0.03
    assert np.percentile(off[given == 0], 99) < 0.03
