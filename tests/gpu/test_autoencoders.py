"""Both autoencoders whole, on a device: bfloat16 beside float32, the device beside the CPU, graphs, memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the flashhead extra")

from livehead.engine.flashhead.vae import layers  # noqa: E402
from livehead.engine.flashhead.vae.ltx.autoencoder import Ltx  # noqa: E402
from livehead.engine.flashhead.vae.wan.autoencoder import Wan  # noqa: E402
from livehead.engine.flashhead.weights.random_init import LTX_CONFIG, randomise  # noqa: E402

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

CPU, DEVICE = torch.device("cpu"), torch.device("cuda")
MODELS: Mapping[str, tuple[Callable[..., Any], Mapping[str, Any], tuple[int, ...], range]] = {
    "ltx": (Ltx, LTX_CONFIG, (2, 128, 5, 5, 9), range(8, 17)),
    "wan": (Wan, {}, (2, 16, 9, 10, 14), range(5, 19)),
}
"""How each is made, latents for it, and some frames of the 33."""


def make(name: str, *kinds: tuple[torch.device, torch.dtype]) -> list[Any]:
    """The full-size model on these devices in these dtypes, all with the same random weights."""
    build, config, _, _ = MODELS[name]
    made = [build(config, device, dtype) for device, dtype in kinds]
    generator = torch.Generator().manual_seed(0)
    for key, target in made[0].targets.items():
        values = torch.empty(target.shape)
        randomise(key, values, generator)
        for model in made:
            model.targets[key].copy_(values)
    for model in made:
        model.prepare()
    return made


def latents_for(name: str) -> torch.Tensor:
    return torch.randn(MODELS[name][2], generator=torch.Generator().manual_seed(1)).to(DEVICE)


def mean_of(encoded: Any) -> torch.Tensor:
    """LTX's encoder gives a mean and a deviation, Wan's the mean."""
    mean: torch.Tensor = encoded[0] if isinstance(encoded, tuple) else encoded
    return mean


def relative(found: torch.Tensor, expected: torch.Tensor) -> float:
    found, expected = found.double().cpu(), expected.double().cpu()
    return float((found - expected).norm() / expected.norm())


def decibels(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float(10 * torch.log10(4 / (found.double() - expected.double()).square().mean()))


@pytest.fixture(autouse=True)
def _exactly() -> Any:
    with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        yield
    torch.cuda.empty_cache()


@pytest.mark.parametrize("name", MODELS)
def test_bfloat16_and_graphs(name: str) -> None:
    """One pair of weights in two precisions; a CUDA graph gives what it was recorded from."""
    exact, fast = make(name, (DEVICE, torch.float32), (DEVICE, torch.bfloat16))
    latents, wanted = latents_for(name), MODELS[name][3]
    expected = exact.decode(latents)
    eager = fast.decode(latents, wanted)
    assert decibels(eager, expected[:, wanted.start : wanted.stop]) > 38
    video = expected[:, :9].transpose(1, 2).clamp(-1, 1).contiguous()
    assert relative(mean_of(fast.encode(video)), mean_of(exact.encode(video))) < 0.03
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        replayed = fast.decode(latents, wanted)
    graph.replay()
    torch.cuda.synchronize()
    assert torch.equal(replayed, eager)


@pytest.mark.parametrize("name", MODELS)
def test_the_device_computes_what_the_cpu_does(name: str) -> None:
    there, here = make(name, (DEVICE, torch.float32), (CPU, torch.float32))
    latents = latents_for(name)[:1, :, :3, :3, :5]
    expected = here.decode(latents.cpu())
    assert relative(there.decode(latents), expected) < 1e-4
    video = expected[:, :9].transpose(1, 2).clamp(-1, 1).contiguous()
    assert relative(mean_of(there.encode(video.to(DEVICE))), mean_of(here.encode(video))) < 1e-4


@pytest.mark.parametrize("stored", [(96, 128), (128, 96), (128, 128)], ids=str)
def test_more_channels_than_there_are_change_nothing(stored: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    latents = latents_for("wan")[:1, :, :3]
    (plain,) = make("wan", (DEVICE, torch.bfloat16))
    expected = plain.decode(latents)
    monkeypatch.setattr(layers, "WIDER", {(96, 96): stored, (96, 3): (stored[1], 8)})
    (wide,) = make("wan", (DEVICE, torch.bfloat16))
    assert decibels(wide.decode(latents), expected) > 38


def test_two_streams_take_no_more_memory_than_one() -> None:
    """Except for the input and output frames: the second stream starts when the first one is done."""
    (model,) = make("wan", (DEVICE, torch.bfloat16))
    latents = torch.randn(2, 16, 9, 32, 32, device=DEVICE)
    video = torch.randn(2, 3, 5, 256, 256, device=DEVICE)

    def peak(compute: Callable[[torch.Tensor], torch.Tensor], inputs: torch.Tensor) -> int:
        compute(inputs)  # what the libraries keep for themselves is not counted
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        compute(inputs)
        return int(torch.cuda.max_memory_allocated() - before)

    for compute, inputs in ((model.decode, latents), (model.encode, video)):
        assert peak(compute, inputs) <= 1.2 * peak(compute, inputs[:1])
