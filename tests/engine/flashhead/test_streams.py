"""Streams: batches, hops, interrupts, seeds, and what is refused."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from engine.flashhead.conftest import Engines
from engine.flashhead.material import assert_frames, portrait, relative, voice
from livehead.engine.base import Preparing, SpoiltError, Work
from livehead.engine.flashhead.audio.history import AudioHistory
from livehead.engine.flashhead.factory import create
from livehead.engine.flashhead.generator import FlashHead
from livehead.engine.flashhead.geometry import SizeError
from livehead.engine.flashhead.stream import FlashHeadStream
from livehead.engine.flashhead.weights.synthesize import gaussian
from livehead.errors import PortraitError, UsageError


def window(history: AudioHistory, pcm: NDArray[np.float32] | None = None, ahead: int = 0) -> NDArray[np.float32]:
    out = np.full(128000, np.nan, np.float32)
    history.window(np.zeros(0, np.float32) if pcm is None else pcm, ahead, out)
    return out


def test_a_portrait_made_ready_is_fitted_once(tiny_engine: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = tiny_engine("lite", 64)
    assert isinstance(engine, Preparing)
    plain = run(engine, engine.open(portrait(5), seed=1), [(24, 0)], 0)[0]
    image, other = portrait(5), portrait(6)
    engine.prepare(image)
    for seed in range(12):
        engine.prepare(portrait(seed, 40, 50))  # never opened: not kept for ever
    engine.prepare(image)
    with pytest.raises(PortraitError):
        engine.prepare(image[..., 0])
    with monkeypatch.context() as patch:
        patch.setattr("livehead.engine.flashhead.portrait.cache.fit", lambda *_: pytest.fail("fitted again"))
        stream = engine.open(image, seed=1)
    assert_frames(run(engine, stream, [(24, 0)], 0)[0], plain)
    engine.open(other, seed=1)
    assert len(engine._portraits._fitted) <= 8


def noise_of(name: str):  # type: ignore[no-untyped-def]
    return lambda key, shape: gaussian(f"{name}/{key}", shape)


def run(engine: FlashHead, stream: FlashHeadStream, hops: list[tuple[int, int]], seed: int) -> list[np.ndarray]:
    """Step one stream by itself through (hop, lookahead) pairs of one continuous recording."""
    return [engine.step([work])[0] for work in works(stream, hops, seed)]


def works(stream: FlashHeadStream, hops: list[tuple[int, int]], seed: int) -> list[Work]:
    speech = voice(sum(hop for hop, _ in hops) + 33, seed)
    made, result = 0, []
    for hop, ahead in hops:
        result.append(Work(stream, speech[made * 640 : (made + hop + ahead) * 640], hop))
        made += hop
    return result


@pytest.mark.parametrize("variant", ["lite", "pro"])
def test_a_batch_gives_what_its_streams_give_alone(variant: str, tiny_engine: Engines) -> None:
    engine = tiny_engine(variant, {"lite": (64, 96), "pro": (32, 48)}[variant])
    plans = {"a": [(8, 2), (20, 0), (3, 1)], "b": [(12, 4), (8, 2), (8, 2)], "c": [(8, 2), (20, 0), (20, 3)]}
    alone, together = {}, {}
    for place, (name, hops) in enumerate(plans.items()):
        stream = engine.open(portrait(place, 100 + 20 * place), noise=noise_of(name))
        alone[name] = stream, run(engine, stream, hops, place)
        together[name] = engine.open(portrait(place, 100 + 20 * place), noise=noise_of(name))
    queues = {name: works(together[name], hops, place) for place, (name, hops) in enumerate(plans.items())}
    made: dict[str, list[np.ndarray]] = {name: [] for name in plans}
    # a starts alone, b joins in a's second window, c in its third: three ages, and three hops, in one batch.
    for members in ("a", "ab", "abc", "cb", "c"):
        batch = [queues[name].pop(0) for name in members]
        for name, frames in zip(members, engine.step(batch), strict=True):
            made[name].append(frames)
    for name, (stream, expected) in alone.items():
        for found, right in zip(made[name], expected, strict=True):
            assert_frames(found, right, equal=0.995, most=2)
        assert relative(together[name].motion_latent, stream.motion_latent) < 2e-5


def test_frames_are_what_was_asked_for(tiny_engine: Engines) -> None:
    engine = tiny_engine("lite", (64, 96))
    streams = [engine.open(portrait(), noise=noise_of("same")) for _ in range(2)]
    (rgb,) = engine.step([Work(streams[0], voice(10), 8)], pixel_format="rgb24")
    (i420,) = engine.step([Work(streams[1], voice(10), 8)])
    assert rgb.shape == (8, 64, 96, 3)
    assert i420.shape == (8, 96, 96)
    assert rgb.dtype == i420.dtype == np.uint8
    luma = 16 + rgb @ np.array([65.481, 128.553, 24.966]) / 255
    assert np.abs(luma - i420[:, :64]).max() <= 0.51


def test_the_lookahead_is_provisional_and_comes_again(tiny_engine: Engines) -> None:
    engine = tiny_engine("lite", 64)
    speech = voice(60)
    histories = []
    for wrong in (False, True):
        stream = engine.open(portrait(), noise=noise_of("x"))
        pcm = speech[: 12 * 640].copy()
        if wrong:
            pcm[8 * 640 :] = 0.5
        engine.step([Work(stream, pcm, 8)])
        engine.step([Work(stream, speech[8 * 640 : 20 * 640], 12)])
        histories.append(window(stream.history))
    assert np.array_equal(*histories)
    assert np.array_equal(histories[0][-20 * 640 :], speech[: 20 * 640])


def test_unknown_audio_is_silence(tiny_engine: Engines) -> None:
    engine = tiny_engine("lite", 64)
    stream, full = engine.open(portrait(), noise=noise_of("x")), engine.open(portrait(), noise=noise_of("x"))
    pcm = voice(6)
    engine.step([Work(stream, pcm, 6)])
    engine.step([Work(full, np.concatenate((pcm, np.zeros(18 * 640, np.float32))), 6)])
    assert torch.equal(stream.audio_embedding, full.audio_embedding)


def test_first_window_has_one_motion_latent_and_the_next_ones_two(tiny_engine: Engines) -> None:
    stream = tiny_engine("lite", 64).open(portrait())
    assert stream.first_latent.shape == (8, 1, 2, 2)
    assert stream.motion_latent is None
    tiny_engine("lite", 64).step([Work(stream, voice(24), 24)])
    assert stream.motion_latent.shape == (8, 2, 2, 2)
    assert stream.audio_embedding.shape == (33, 5, 2, 16)
    for tensor in (stream.first_latent, stream.motion_latent, stream.audio_embedding):
        assert tensor.dtype == torch.float32
        assert tensor.device.type == "cpu"


@pytest.mark.parametrize("variant", ["lite", "pro"])
def test_rewind_continues_from_the_frames_shown(variant: str, tiny_engine: Engines) -> None:
    engine = tiny_engine(variant, {"lite": 64, "pro": 32}[variant])
    m = engine.info.motion_frames
    names: list[str] = []

    def noise(name: str, shape: tuple[int, ...]) -> np.ndarray:
        names.append(name)
        return gaussian(name, shape)

    stream = engine.open(portrait(), noise=noise)
    (frames,) = engine.step([Work(stream, voice(20), 16)], pixel_format="rgb24")
    engine.rewind(stream, frames[11 - m : 11] if m <= 11 else frames[:m], unshown=5)
    assert stream.history.frames == 11
    engine.step([Work(stream, voice(16, 5), 16)])
    engine.rewind(stream, frames[:m])
    drawn = {
        "lite": ["rewind0/motion_posterior", "rewind1/motion_posterior", "chunk0/motion_posterior", "ref_posterior"],
        "pro": [],
    }
    posteriors = [name for name in names if "posterior" in name]
    assert set(drawn[variant]) <= set(posteriors)
    assert bool(posteriors) == bool(drawn[variant])
    assert [name for name in names if name.endswith("init")] == ["chunk0/init", "chunk1/init"]


def test_rewind_before_the_first_window(tiny_engine: Engines) -> None:
    engine = tiny_engine("lite", 64)
    stream = engine.open(portrait())
    engine.rewind(stream, np.zeros((9, 64, 64, 3), np.uint8))
    assert stream.motion_latent.shape == (8, 2, 2, 2)
    assert engine.step([Work(stream, voice(24), 24)])[0].shape == (24, 96, 64)


def test_a_seed_makes_a_run_again(tiny_engine: Engines) -> None:
    engine = tiny_engine("lite", 64)
    runs = [run(engine, engine.open(portrait(), seed), [(24, 0), (8, 4)], 0) for seed in (1, 1, 2)]
    assert all(np.array_equal(a, b) for a, b in zip(runs[0], runs[1], strict=True))
    assert not np.array_equal(runs[0][0], runs[2][0])
    torch.manual_seed(99)
    assert np.array_equal(run(engine, engine.open(portrait(), 1), [(24, 0), (8, 4)], 0)[1], runs[0][1])


def test_a_portrait_is_encoded_once(tiny_engine: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = tiny_engine("lite", 64)
    calls = []
    encode = type(engine.model.vae).encode_portrait
    monkeypatch.setattr(
        type(engine.model.vae), "encode_portrait", lambda self, image: calls.append(1) or encode(self, image)
    )
    image = portrait(77)
    first = engine.open(image, seed=1)
    second = engine.open(image.copy(), seed=2)
    assert calls == [1]
    assert not torch.equal(first.first_latent, second.first_latent)


@pytest.mark.parametrize(
    ("samples", "hop"),
    [(24 * 640, 0), (24 * 640, -1), (25 * 640, 24), (8 * 640, 9), (8 * 640 + 1, 8), (0, 1), (25 * 640, 25)],
)
def test_hops_that_do_not_fit_are_refused(samples: int, hop: int, tiny_engine: Engines) -> None:
    engine = tiny_engine("lite", 64)
    good, bad = engine.open(portrait()), engine.open(portrait())
    with pytest.raises(ValueError, match=r"hop|pcm"):
        engine.step([Work(good, voice(8), 8), Work(bad, np.zeros(samples, np.float32), hop)])
    assert good.history.frames == 0
    assert good.windows == 0


def test_other_work_that_is_refused(tiny_engine: Engines) -> None:
    engine = tiny_engine("lite", 64)
    stream = engine.open(portrait())
    work = Work(stream, voice(8), 8)
    assert engine.step([]) == []
    with pytest.raises(ValueError, match="once"):
        engine.step([work, work])
    with pytest.raises(ValueError, match="pixel_format"):
        engine.step([work], pixel_format="bgr")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="finite"):
        engine.step([Work(stream, np.full(640, np.nan, np.float32), 1)])
    with pytest.raises(ValueError, match="at most"):
        engine.step([Work(engine.open(portrait()), voice(8), 8) for _ in range(9)])
    with pytest.raises(ValueError, match="unshown"):
        engine.rewind(stream, np.zeros((9, 64, 64, 3), np.uint8), unshown=1)
    with pytest.raises(ValueError, match="shown"):
        engine.rewind(stream, np.zeros((8, 64, 64, 3), np.uint8))
    engine.close(stream)
    engine.close(stream)
    with pytest.raises(ValueError, match="closed"):
        engine.step([work])
    with pytest.raises(PortraitError):
        engine.open(np.zeros((64, 64), np.uint8))
    with pytest.raises(PortraitError):
        engine.open(np.zeros((64, 64, 3), np.float32))


def test_sizes_that_the_model_cannot_make(tiny_engine: Engines) -> None:
    for variant, size in (("lite", 80), ("pro", 72), ("lite", 0), ("lite", (64, 48))):
        with pytest.raises(SizeError, match="multiples"):
            tiny_engine(variant, size)


def test_info_says_what_the_engine_is(tiny_engine: Engines) -> None:
    lite, pro = tiny_engine("lite", (64, 96)).info, tiny_engine("pro", 64).info
    assert (lite.name, lite.variant, lite.width, lite.height) == ("flashhead", "lite", 96, 64)
    assert (lite.window, lite.motion_frames, pro.window, pro.motion_frames) == (24, 9, 28, 5)
    assert lite.details["attention"] == "sdpa"
    assert lite.details["dtype"] == "float32"
    for info in (lite, pro):
        for preset in info.presets.values():
            assert preset.hop >= 1
            assert preset.hop + preset.lookahead <= info.window
            assert preset.max_delay_ms >= (preset.hop + preset.lookahead) * 40 + 70


def test_create_is_the_workers_factory(tiny_checkpoint) -> None:  # type: ignore[no-untyped-def]
    threads = torch.get_num_threads()
    try:
        engine = create(models=str(tiny_checkpoint), variant="lite", size=64, device="cpu")
        assert engine.info.details["dtype"] == "float32"
        with pytest.raises(UsageError, match="device"):
            create(models=str(tiny_checkpoint), device="quantum")
        with pytest.raises(UsageError, match="dtype"):
            create(models=str(tiny_checkpoint), device="cpu", dtype="int3")
    finally:
        torch.set_num_threads(threads)


def test_history_forgets_only_what_no_window_can_want() -> None:
    history = AudioHistory()
    everything = np.zeros(0, np.float32)
    for place in range(90):
        pcm = voice(24, place)
        history.append(pcm)
        everything = np.concatenate((everything, pcm))
    assert history.frames == 90 * 24
    assert np.array_equal(window(history), everything[-128000:])
    history.drop(900)
    assert np.array_equal(window(history), everything[: -900 * 640][-128000:])
    ahead = window(history, voice(4), 24)
    assert np.array_equal(ahead[-24 * 640 : -20 * 640], voice(4))
    assert not ahead[-20 * 640 :].any()


def test_a_stream_without_finite_numbers_spoils_no_other_and_is_well_from_a_rewind_on(tiny_engine: Engines) -> None:
    engine = tiny_engine("lite", 64)
    alone = run(engine, engine.open(portrait(1), seed=1), [(8, 2), (8, 2), (8, 2)], 1)
    good, bad = engine.open(portrait(1), seed=1), engine.open(portrait(2), seed=2)
    queues = [works(good, [(8, 2)] * 3, 1), works(bad, [(8, 2)] * 3, 2)]
    shown = engine.step([queue[0] for queue in queues])[1]
    assert bad.motion is not None
    bad.motion = torch.full_like(bad.motion, torch.nan)
    with pytest.raises(SpoiltError) as spoilt:
        engine.step([queue[1] for queue in queues])
    frames, none = spoilt.value.frames
    assert none is None
    assert frames is not None
    assert_frames(frames, alone[1])
    rgb = np.stack([cv2.cvtColor(frame, cv2.COLOR_YUV2RGB_I420) for frame in shown])
    engine.rewind(bad, np.concatenate([rgb[:1], rgb])[-engine.info.motion_frames :], 8)
    frames, mended = engine.step([queue[2] for queue in queues])
    assert_frames(frames, alone[2])
    assert np.ptp(mended) > 0
