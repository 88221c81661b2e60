"""``livehead bench media`` runs, and says what it measured. How fast is not asserted: other tests may be running."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from livehead.avatars import load_portrait
from livehead.bench.media.clip import PORTRAIT, SEED, babble, back_and_forth, clip
from livehead.bench.media.encoder_comparison import followed_after
from livehead.bench.media.encoders import CODECS, is_keyframe, ours, stock
from livehead.bench.media.measurement import CLIPS
from livehead.bench.media.quality import quality
from livehead.cli import main
from livehead.engine.base import Work
from livehead.engine.preview.generator import create
from livehead.errors import MediaError

SERVER = Path(__file__).parents[3] / "server"


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The lines of a short run, as from an installed package: in a folder where nothing lies."""
    done = subprocess.run(
        [sys.executable, "-m", "livehead", "bench", "media", "--seconds", "1", "--size", "128"],
        cwd=tmp_path_factory.mktemp("elsewhere"),
        env=os.environ | {"PYTHONPATH": str(SERVER)},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def figures(said: list[str]) -> dict[str, Any]:
    return dict(json.loads(said[-1]))


@pytest.mark.soak
@pytest.mark.parametrize("which", CLIPS)
def test_every_encoder_stands_beside_its_stock_one(figures: dict[str, Any], which: str) -> None:
    for codec in CODECS:
        for who in ("livehead", "stock"):
            row = figures["codecs"][which][f"{codec} {who}"]
            assert 25 < row["psnr_y_db"] < 70
            assert row["psnr_y_worst_db"] <= row["psnr_y_db"]
            assert row["cpu_ms"] > 0
            assert row["core_percent"] == pytest.approx(row["cpu_ms"] * 2.5, abs=0.01)
            assert row["keyframes"] == 1
            assert row["kbits"] > 0
        assert set(figures["ratios"][which][codec]) == {"encode", "call", "psnr_y_db", "psnr_db"}


@pytest.mark.soak
def test_the_same_frame_again_takes_few_bits(figures: dict[str, Any]) -> None:
    for codec in CODECS:
        row = figures["same_frame"][f"{codec} livehead"]
        assert row["cpu_ms"] > 0
        assert row["kbits"] < figures["codecs"]["sways"][f"{codec} livehead"]["kbits"]


@pytest.mark.soak
def test_h264_follows_the_rate_without_keyframes(figures: dict[str, Any]) -> None:
    steps = figures["rate_change"]["h264 livehead"]
    assert [step["target_kbits"] for step in steps] == [800, 500, 1500]
    assert [step["keyframes"] for step in steps] == [0, 0, 0]


@pytest.mark.soak
def test_calls_were_real(figures: dict[str, Any]) -> None:
    assert {name: len(calls) for name, calls in figures["calls"].items()} == {"sways": 8, "still": 4}
    for call in [call for calls in figures["calls"].values() for call in calls.values()]:
        assert call["core_percent"] > 0
        assert call["fps"] > 5
        assert call["packets_per_s"] >= call["fps"] * 0.9


@pytest.mark.soak
def test_viewers_share_an_encoding(figures: dict[str, Any]) -> None:
    rows = {(row["viewers"], row["encodings"]): row for row in figures["viewers"]}
    assert set(rows) == {(1, 1), (2, 1), (4, 1), (8, 1), (8, 8)}
    for (_, encodings), row in rows.items():
        assert row["encoded_per_s"] <= 27 * encodings, "25, and a burst after a stall"
        assert row["fps_min"] > 5
        assert row["core_percent"] > 0
    assert rows[8, 8]["encoded_per_s"] > 3 * rows[8, 1]["encoded_per_s"]


@pytest.mark.soak
def test_the_targets_stand_beside_the_results(said: list[str], figures: dict[str, Any]) -> None:
    for which in CLIPS:
        targets = figures["targets"][which]
        assert targets["psnr_y_db"]["target"] == 45
        assert targets["psnr_y_db"]["met"] == (targets["psnr_y_db"]["value"] >= 45)
        assert targets["session_core_percent"]["target"] == 6
        assert targets["session_core_percent"]["met"] == (targets["session_core_percent"]["value"] <= 6)
    text = "\n".join(said[:-1])
    assert text.count("target >= 45") == 2
    assert "synthetic voice" in text
    assert {"cpus", "load_before", "load_after", "clip", "size", "bitrate"} <= set(figures["conditions"])


@pytest.mark.parametrize("sways", [True, False])
def test_the_clip_speaks_and_is_always_the_same(sways: bool) -> None:
    frames = clip(1, 128, sways=sways)
    assert frames.shape == (25, 192, 128)
    np.testing.assert_array_equal(frames, clip(1, 128, sways=sways))
    forehead = frames[:, 20:35, 50:78].astype(int)
    assert (np.abs(np.diff(forehead, axis=0)).max() > 0) == sways
    mouth = frames[:, 64:110, 40:88].astype(int)
    assert np.abs(np.diff(mouth, axis=0)).mean(axis=(1, 2)).max() > 1
    audio = babble(2)
    assert audio.shape == (32_000,)
    assert 0.1 < np.abs(audio).max() <= 1


@pytest.mark.parametrize("codec", CODECS)
def test_quality_is_that_of_the_frames_themselves(codec: str) -> None:
    frames = list(clip(1, 128))
    encode, _ = ours(codec, 128)
    encoded = [encode(p, n, 300_000) for n, p in enumerate(frames)]
    assert quality(codec, frames, encoded, 5).y > 35
    lighter = [p + np.uint8(10) for p in frames]
    assert quality(codec, lighter, encoded, 5).y == pytest.approx(28.1, abs=1)  # 10 log10(255² / 10²)
    with pytest.raises(MediaError, match="came out"):
        quality(codec, frames, encoded[:-1], 5)


@pytest.mark.parametrize("codec", CODECS)
def test_keyframes_are_recognised(codec: str) -> None:
    frames = clip(1, 128)
    for encode in (ours(codec, 128)[0], stock(codec)):
        assert [is_keyframe(codec, encode(p, n, 200_000)) for n, p in enumerate(frames[:4])] == [True] + 3 * [False]


def test_when_a_rate_is_followed() -> None:
    assert followed_after([4000] * 25, 800_000) == 0.48
    assert followed_after([8000] * 12 + [4000] * 25, 800_000) == pytest.approx(0.92, abs=0.05)
    assert followed_after([8000] * 50, 800_000) is None


def test_forwards_and_backwards() -> None:
    assert back_and_forth(4, 9) == [0, 1, 2, 3, 2, 1, 0, 1, 2]
    assert back_and_forth(1, 3) == [0, 0, 0]


def test_the_clip_is_what_the_preview_engine_shows() -> None:
    """But for the frames that it does not draw because nothing has moved far enough."""
    generator = create(128)
    stream = generator.open(load_portrait(PORTRAIT), SEED)
    shown = [generator.step([Work(stream, block, 1)])[0][0] for block in babble(1).reshape(25, -1)]
    off = np.abs(clip(1, 128).astype(int) - np.stack(shown))
    np.testing.assert_array_equal(off[0], 0)
    assert off.mean() < 0.5


@pytest.mark.parametrize(
    "option", [("--size", "100"), ("--seconds", "0"), ("--bitrate", "lots"), ("--portrait", "no.png")]
)
def test_bad_usage_is_one_line(capsys: pytest.CaptureFixture[str], option: tuple[str, str]) -> None:
    assert main(["bench", "media", *option]) == 2
    assert option[0] in capsys.readouterr().err
