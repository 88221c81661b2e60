"""The video encoders: what they make, at what rate, and beside aiortc's own."""

from __future__ import annotations

import time
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.vpx import Vp8Encoder, vp8_depayload

from livehead.media.video.encoder import VideoEncoder, has_nvenc

SIZE = 256
CODECS = ("h264", "vp8")


def clip(count: int, size: int = SIZE) -> list[np.ndarray]:
    """A soft moving scene with some texture and a part that changes all the time, like a mouth. I420."""
    rng = np.random.default_rng(0)
    scene = cv2.resize(rng.normal(0, 1, (size // 16, size // 16)), (size, size), interpolation=cv2.INTER_CUBIC) * 30
    scene += 120 + cv2.GaussianBlur(rng.normal(0, 1, (size, size)), (0, 0), 1) * 12
    frames = []
    for n in range(count):
        move = np.array([[1, 0, 3 * np.sin(n / 9)], [0, 1, 2 * np.sin(n / 13)]], np.float32)
        luma = cv2.warpAffine(scene, move, (size, size), borderMode=cv2.BORDER_REFLECT)
        rows, columns = slice(size // 2, size * 3 // 4), slice(size // 3, size * 2 // 3)
        wide = size * 2 // 3 - size // 3
        luma[rows, columns] += 35 * np.sin(n / 2.5) * np.sin(np.linspace(0, 9, wide))[None]
        frame = np.full((size * 3 // 2, size), 128, np.uint8)
        frame[:size] = np.clip(luma, 16, 235)
        frames.append(frame)
    return frames


def noisy(frame: np.ndarray) -> np.ndarray:
    """A frame that no rate is too high for."""
    noise = np.random.default_rng(int(frame.sum())).normal(0, 4, frame.shape)
    return np.asarray(np.clip(frame + noise, 16, 235), np.uint8)


def decoder(codec: str) -> av.VideoCodecContext:
    return av.CodecContext.create({"h264": "h264", "vp8": "libvpx"}[codec], "r")


def error_of(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.mean((a.astype(np.float32) - b.astype(np.float32)) ** 2))


def psnr(codec: str, frames: list[np.ndarray], chunks: list[bytes]) -> float:
    """Of the luma, over the clip's second half, in dB."""
    context, size = decoder(codec), frames[0].shape[1]
    shown = [f.to_ndarray()[:size] for chunk in chunks for f in context.decode(av.Packet(chunk))]
    shown += [f.to_ndarray()[:size] for f in context.decode(None)]
    assert len(shown) == len(frames)
    half = len(frames) // 2
    errors = [error_of(p[:size], s) for p, s in zip(frames[half:], shown[half:], strict=True)]
    return float(10 * np.log10(255**2 / np.mean(errors)))


@pytest.mark.parametrize("codec", CODECS)
def test_the_first_frame_is_the_only_keyframe_unless_asked(codec: str) -> None:
    encoder = VideoEncoder(codec, 1_000_000)
    frames = clip(60)
    keys = [n for n, p in enumerate(frames) if encoder.encode(p, n * 3600, 500_000, keyframe=n in (20, 40)).keyframe]
    assert keys == [0, 20, 40]


def test_another_portrait_is_no_reason_for_a_keyframe() -> None:
    encoder = VideoEncoder("h264", 1_000_000)
    frames = [*clip(30), *(255 - p[::-1] for p in clip(30))]
    chunks = [encoder.encode(np.ascontiguousarray(p), n * 3600, 500_000) for n, p in enumerate(frames)]
    assert [n for n, chunk in enumerate(chunks) if chunk.keyframe] == [0]
    assert psnr("h264", frames, [chunk.data for chunk in chunks]) > 35


@pytest.mark.parametrize("codec", CODECS)
def test_a_repeated_frame_is_small(codec: str) -> None:
    encoder = VideoEncoder(codec, 1_000_000)
    frame = clip(1)[0]
    chunks = [encoder.encode(frame, n * 3600, 500_000, keyframe=n == 5) for n in range(60)]
    assert [n for n, c in enumerate(chunks) if c.keyframe] == [0, 5]
    assert np.mean([len(c.data) for c in chunks[50:]]) < 1500


def test_h264_follows_the_rate_without_a_keyframe_or_a_new_encoder() -> None:
    encoder = VideoEncoder("h264", 1_500_000)
    frames = clip(100)
    sizes, keys = [], 0
    for n in range(500):
        rate = 250_000 if n < 200 else 90_000 if n < 350 else 300_000
        chunk = encoder.encode(frames[n % 100], n * 3600, rate)
        sizes.append(len(chunk.data) * 8 * 25)
        keys += chunk.keyframe
    assert np.mean(sizes[100:200]) == pytest.approx(250_000, rel=0.15)
    assert np.mean(sizes[250:350]) == pytest.approx(90_000, rel=0.15)  # within two seconds
    assert np.mean(sizes[430:]) == pytest.approx(300_000, rel=0.2)
    assert keys == encoder.opened == 1


def test_vp8_follows_the_rate_with_few_new_encoders() -> None:
    """libvpx can only be given a rate when it is opened, which costs a keyframe."""
    now = 0.0
    encoder = VideoEncoder("vp8", 1_500_000, clock=lambda: now)
    frames = [noisy(frame) for frame in clip(100)]
    sizes = []
    for n in range(750):
        now = n * 0.04
        rate = 700_000 if n < 200 else 250_000 if n < 300 else 250_000 + (n - 300) * 2000
        sizes.append(len(encoder.encode(frames[n % 100], n * 3600, rate).data) * 8 * 25)
    assert np.mean(sizes[250:300]) == pytest.approx(250_000, rel=0.3)
    assert np.mean(sizes[650:]) > 400_000
    assert encoder.opened <= 4


def test_h264_is_constrained_baseline_with_its_colours_told() -> None:
    encoder = VideoEncoder("h264", 1_000_000)
    chunk = encoder.encode(clip(1)[0], 0, 500_000)
    sps = chunk.data[chunk.data.index(b"\x00\x00\x01\x67") + 4 :]
    assert sps[0] == 66
    assert sps[1] & 0x40
    context = decoder("h264")
    decoded = context.decode(av.Packet(chunk.data)) + context.decode(None)
    assert decoded[0].colorspace in (5, 6)  # BT.601, its 625- or 525-line form
    assert decoded[0].color_range == 1  # limited


@pytest.mark.parametrize("codec", CODECS)
def test_frames_may_change_their_size(codec: str) -> None:
    encoder = VideoEncoder(codec, 1_000_000)
    assert encoder.encode(clip(1)[0], 0, 500_000).keyframe
    assert encoder.encode(clip(1, 128)[0], 3600, 500_000).keyframe
    assert encoder.opened == 2


@pytest.mark.parametrize(("width", "height"), [(512, 512), (250, 250), (510, 512), (320, 576)])
def test_frames_of_any_even_size_arrive_as_they_are(width: int, height: int) -> None:
    ramp = np.add.outer(np.arange(height * 3 // 2), np.arange(width)) / 8
    frame = np.asarray(60 + ramp % 100, np.uint8)
    shown = decoder("h264").decode(av.Packet(VideoEncoder("h264", 9_000_000).encode(frame, 0, 9_000_000).data))
    assert (shown[0].width, shown[0].height) == (width, height)
    assert error_of(frame[:height], shown[0].to_ndarray()[:height]) < 12


def test_frames_are_not_touched_and_may_be_read_only() -> None:
    frame = clip(1)[0]
    before = frame.copy()
    frame.flags.writeable = False
    VideoEncoder("h264", 1_000_000).encode(frame, 0, 500_000)
    np.testing.assert_array_equal(frame, before)


@pytest.mark.parametrize("codec", CODECS)
def test_a_face_that_is_still_takes_no_more_bits_than_can_be_seen(codec: str) -> None:
    """Only a small part moves, and there is much more than it needs: what is over is not spent."""
    encoder = VideoEncoder(codec, 2_500_000)
    still = clip(1)[0]
    frames = []
    for moving in clip(75):
        frames.append(still.copy())
        frames[-1][140:170, 100:150] = moving[140:170, 100:150]
    chunks = [encoder.encode(p, n * 3600, 2_000_000).data for n, p in enumerate(frames)]
    assert sum(map(len, chunks[25:])) * 8 / 2 < 1_000_000
    assert psnr(codec, frames, chunks) > 45


def test_whether_there_is_nvenc_can_be_asked() -> None:
    assert has_nvenc() in (True, False)


def test_better_than_the_stock_encoders_at_less_work(capsys: pytest.CaptureFixture[str]) -> None:
    """The same clip at the same rate. The work is shown, and not asserted: other tests may be running."""
    frames, rate = clip(150, 512), 800_000
    rows = {}
    for name in ("h264", "vp8", "stock h264", "stock vp8"):
        codec = name.split()[-1]
        chunks: list[bytes] = []
        begin = time.process_time()
        if name.startswith("stock"):
            stock = {"h264": H264Encoder, "vp8": Vp8Encoder}[codec]()
            stock.target_bitrate = rate
            chunks = [_stock(stock, p, n) for n, p in enumerate(frames)]
        else:
            encoder = VideoEncoder(codec, 2_500_000)
            chunks = [encoder.encode(p, n * 3600, rate).data for n, p in enumerate(frames)]
        work = (time.process_time() - begin) * 1000 / len(frames)
        bits = sum(map(len, chunks[25:])) * 8 * 25 / (len(frames) - 25)
        rows[name] = psnr(codec, frames, chunks), work, bits
    with capsys.disabled():
        for name, (quality, work, bits) in rows.items():
            ratio = work / rows["stock " + name.split()[-1]][1]
            print(
                f"\n{name:>11}: {quality:.2f} dB  {work:.2f} ms ({ratio:.2f} of stock)  {bits / 1000:.0f} kbit/s",
                end="",
            )
    for name, (quality, _, bits) in rows.items():
        if not name.startswith("stock"):
            assert bits < rate * 1.2
            assert quality > rows["stock vp8"][0] + 2


def _stock(encoder: H264Encoder | Vp8Encoder, frame: np.ndarray, n: int) -> bytes:
    av_frame = av.VideoFrame.from_ndarray(frame, format="yuv420p")
    av_frame.pts, av_frame.time_base = n * 3600, Fraction(1, 90000)
    if isinstance(encoder, H264Encoder):
        return b"".join(b"\x00\x00\x00\x01" + nal for nal in encoder._encode_frame(av_frame, False))
    payloads, _ = encoder.encode(av_frame)
    return b"".join(vp8_depayload(payload) for payload in payloads)
