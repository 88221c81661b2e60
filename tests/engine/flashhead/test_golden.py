"""The frames and latents that the published code computed, from the same checkpoint, inputs and noise."""

from __future__ import annotations

import json

import numpy as np
import pytest

from data.golden import make_checkpoint as recipe
from engine.flashhead.conftest import GOLDEN, Engines
from engine.flashhead.material import assert_frames, relative
from livehead.engine.base import Work
from livehead.engine.flashhead.weights.synthesize import SyntheticCheckpoint, weight

CASES = GOLDEN / "cases"
TOLERANCE = 2e-5


@pytest.mark.parametrize(
    "case",
    [
        "lite_128",
        pytest.param("lite_64_long", marks=pytest.mark.soak),
        "lite_96x128_hops",
        "lite_96_rewind",
        "pro_64",
    ],
)
def test_golden_case(case: str, golden_engine: Engines) -> None:
    with np.load(CASES / f"{case}.npz") as file:
        data = dict(file)
    engine = golden_engine(case.split("_")[0], tuple(int(side) for side in data["size"]))
    stream = engine.open(data["image"], noise=lambda name, shape: recipe.gaussian(f"{case}/{name}", shape))
    assert relative(stream.first_latent, data["first_latent"]) <= TOLERANCE
    rewind, unshown = data.get("rewind", (-1, 0))
    for k, (hop, _) in enumerate(data["hops"]):
        if k == rewind:
            engine.rewind(stream, data["rewind_shown"], int(unshown))
            assert relative(stream.motion_latent, data["rewind_latent"]) <= TOLERANCE
        work = Work(stream, data[f"pcm_{k}"], hop=int(hop))
        (frames,) = engine.step([work], pixel_format="rgb24")
        if f"audio_embedding_{k}" in data:
            assert relative(stream.audio_embedding[::8, 2], data[f"audio_embedding_{k}"]) <= TOLERANCE
        assert relative(stream.motion_latent, data[f"motion_latent_{k}"]) <= TOLERANCE
        assert len(frames) == hop
        if f"frames_{k}" in data:
            assert_frames(frames, data[f"frames_{k}"])


def test_golden_manifests_are_the_names_and_shapes_that_loading_expects() -> None:
    plan = SyntheticCheckpoint(("lite", "pro"), tiny=False)
    manifests = GOLDEN / "manifests"

    def published(name: str) -> dict[str, tuple[int, ...]]:
        return {key: tuple(shape) for key, shape in json.loads((manifests / name).read_text()).items()}

    assert plan.parts["lite"][2] == published("published_dit_lite.json")
    assert plan.parts["pro"][2] == published("published_dit_pro.json")
    assert plan.parts["lite"][3] == published("vae_ltx.json")
    assert plan.parts["pro"][3] == published("vae_wan.json")
    audio = {name: shape for name, shape in published("wav2vec2.json").items() if not name.startswith("lm_head.")}
    assert plan.audio == audio


def test_golden_checkpoint_is_what_synthesize_would_write() -> None:
    for name, shape in {"a.weight": (7, 3), "b.bias": (5,), "c.modulation": (1, 6, 4), "latents_std": (9,)}.items():
        assert np.allclose(weight(name, shape), recipe.weight(name, shape), rtol=1e-6, atol=1e-7)
