"""The transformer's parts, and all of it, against a second, plainer way to compute the same."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import gelu, layer_norm, linear, silu

from engine.flashhead.conftest import Engines
from engine.flashhead.material import relative
from livehead.engine.flashhead.dit import sampler, tokens
from livehead.engine.flashhead.dit.attention import choose
from livehead.engine.flashhead.dit.model import Dit
from livehead.engine.flashhead.dit.rope import apply_rope, rope_tables
from livehead.engine.flashhead.weights.files import SafetensorsFile, fill
from livehead.engine.flashhead.weights.layout import Layout
from livehead.errors import UsageError

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _same_numbers() -> None:
    torch.manual_seed(0)


def test_rope_is_a_complex_product() -> None:
    grid, heads, head_dim = (5, 3, 4), 2, 128
    x = torch.randn(2, math.prod(grid), heads, head_dim)
    angles = []
    for t in range(5):
        for y in range(3):
            for x_ in range(4):
                row = [t * 10000 ** (-2 * i / 44) for i in range(22)]
                row += [y * 10000 ** (-2 * i / 42) for i in range(21)]
                row += [x_ * 10000 ** (-2 * i / 42) for i in range(21)]
                angles.append(row)
    turn = torch.polar(torch.ones(60, 64, dtype=torch.float64), torch.tensor(angles, dtype=torch.float64))
    pairs = torch.view_as_complex(x.double().reshape(2, 60, heads, 64, 2))
    expected = torch.view_as_real(pairs * turn[None, :, None]).flatten(-2)
    found = apply_rope(x, *rope_tables(grid, head_dim))
    assert relative(found, expected) < 1e-6


@pytest.mark.parametrize("patch", [(1, 1, 1), (1, 2, 2)])
def test_tokens_come_back_as_latents(patch: tuple[int, int, int]) -> None:
    latents = torch.randn(2, 6, 5, 4, 8)
    flat = tokens.to_tokens(latents, patch)
    assert flat.shape == (2, 5 * 32 // math.prod(patch), 6 * math.prod(patch))
    assert torch.equal(flat[0, 0, :6], latents[0, :, 0, 0, 0])
    assert torch.equal(tokens.from_tokens(flat, patch, (6, 5, 4, 8)), latents)


def test_attention_is_softmax_of_scaled_scores() -> None:
    q, k, v = torch.randn(3, 2, 7, 4, 16)
    weights = torch.einsum("bqhd,bkhd->bhqk", q, k).div(4).softmax(-1)
    expected = torch.einsum("bhqk,bkhd->bqhd", weights, v)
    attention = choose("auto", CPU, torch.float32)
    assert attention.name == "sdpa"
    assert relative(attention(q, k, v), expected) < 1e-6


@pytest.mark.parametrize("name", ["fa2", "fa3", "fa4", "cudnn", "magic"])
def test_attention_that_cannot_run_is_a_readable_error(name: str) -> None:
    with pytest.raises(UsageError, match=name):
        choose(name, CPU, torch.float32)  # type: ignore[arg-type]


def plain_velocity(dit: Dit, latents: Tensor, reference: Tensor, embedding: Tensor, position: float, grid) -> Tensor:  # type: ignore[no-untyped-def]
    """The transformer as the paper describes it: one stream, one step, nothing precomputed, float64."""
    w = {name: target.double() for name, target in dit.targets().items()}
    c = dit.config
    t, y, x = grid
    stride = c.vae_stride[0]

    def dense(value: Tensor, name: str) -> Tensor:
        return linear(value, w[f"{name}.weight"], w[f"{name}.bias"])

    def rms(value: Tensor, name: str) -> Tensor:
        return value / (value.pow(2).mean(-1, keepdim=True) + 1e-6).sqrt() * w[name]

    def norm(value: Tensor) -> Tensor:
        return layer_norm(value, (c.dim,), eps=1e-6)

    def heads(value: Tensor) -> Tensor:
        return value.unflatten(-1, (c.num_heads, -1)).transpose(0, 1)

    def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        scores = heads(q) @ heads(k).transpose(-1, -2) / math.sqrt(c.head_dim)
        return (scores.softmax(-1) @ heads(v)).transpose(0, 1).flatten(-2)

    embedding = embedding.double()
    parts = [dense(embedding[0].flatten(), "audio_proj.proj1")]
    for n in range(1, t):
        frames = embedding[1 + (n - 1) * stride : 1 + n * stride]
        chosen = [frames[0, :3], *(frame[2:3] for frame in frames[1:-1]), frames[-1, 2:]]
        parts.append(dense(torch.cat(chosen).flatten(), "audio_proj.proj1_vf"))
    audio = dense(dense(torch.stack(parts).relu(), "audio_proj.proj2").relu(), "audio_proj.proj3").view(t, 32, c.dim)
    audio = layer_norm(audio, (c.dim,), w["audio_proj.norm.weight"], w["audio_proj.norm.bias"], 1e-5)

    half = c.freq_dim // 2
    angles = position * 10000 ** (-torch.arange(half, dtype=torch.float64) / half)
    e = dense(silu(dense(torch.cat((angles.cos(), angles.sin())), "time_embedding.0")), "time_embedding.2")
    six = dense(silu(e), "time_projection.1").view(6, c.dim)

    both = torch.cat((latents, reference)).double()
    h = torch.nn.functional.conv3d(
        both[None], w["patch_embedding.weight"], w["patch_embedding.bias"], stride=c.patch_size
    )
    h = h[0].flatten(1).T
    cos, sin = rope_tables(grid, c.head_dim)

    def rotated(value: Tensor) -> Tensor:
        return apply_rope(value.unflatten(-1, (c.num_heads, -1))[None], cos.double(), sin.double())[0].flatten(-2)

    for i in range(c.num_layers):
        name = f"blocks.{i}"
        m = w[f"{name}.modulation"][0] + six
        z = norm(h) * (1 + m[1]) + m[0]
        q = rotated(rms(dense(z, f"{name}.self_attn.q"), f"{name}.self_attn.norm_q.weight"))
        k = rotated(rms(dense(z, f"{name}.self_attn.k"), f"{name}.self_attn.norm_k.weight"))
        h = h + m[2] * dense(attend(q, k, dense(z, f"{name}.self_attn.v")), f"{name}.self_attn.o")
        z = norm(h) * w[f"{name}.norm3.weight"] + w[f"{name}.norm3.bias"]
        q = rms(dense(z, f"{name}.cross_attn.q"), f"{name}.cross_attn.norm_q.weight")
        crossed = []
        for frame in range(t):
            k = rms(dense(audio[frame], f"{name}.cross_attn.k"), f"{name}.cross_attn.norm_k.weight")
            mine = q[frame * y * x : (frame + 1) * y * x]
            crossed.append(attend(mine, k, dense(audio[frame], f"{name}.cross_attn.v")))
        h = h + dense(torch.cat(crossed), f"{name}.cross_attn.o")
        z = norm(h) * (1 + m[4]) + m[3]
        h = h + m[5] * dense(gelu(dense(z, f"{name}.ffn.0"), approximate="tanh"), f"{name}.ffn.2")
    shift, scale = w["head.modulation"][0] + e
    return dense(norm(h) * (1 + scale) + shift, "head.head")


@pytest.mark.parametrize("variant", ["lite", "pro"])
def test_one_evaluation_of_the_transformer(variant: str, tiny_engine: Engines, tiny_checkpoint, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    engine = tiny_engine(variant, (64, 96))
    model, geometry = engine.model, engine.geometry
    dit = model.dit
    # The time embedding's weights are freed after loading; the plain computation needs them again.
    again = Dit(dit.config, CPU, dit.dtypes, dit.attention)
    fill(SafetensorsFile(Layout(tiny_checkpoint, variant).dit_file), again.targets(), again.unused())  # type: ignore[arg-type]
    latents, reference = torch.randn(2, 2, *geometry.latent)
    embedding = torch.randn(2, 33, 5, dit.config.audio_blocks, dit.config.audio_channels)
    with torch.inference_mode():
        context = dit.audio_context(embedding)
        cos, sin = rope_tables(geometry.grid, dit.config.head_dim)
        for step, position in enumerate(sampler.TIMESTEPS):
            found = dit.velocity(
                tokens.to_tokens(latents, geometry.patch),
                step,
                dit.reference(tokens.to_tokens(reference, geometry.patch)),
                context,
                (cos, sin),
                geometry.frame_tokens,
            )
            for row in range(2):
                expected = plain_velocity(again, latents[row], reference[row], embedding[row], position, geometry.grid)
                assert relative(found[row], expected[geometry.frame_tokens :]) < 1e-5


def test_sampler_reaches_what_the_velocity_points_at() -> None:
    assert pytest.approx((1000, 937.5, 833.3333, 625)) == sampler.TIMESTEPS
    goal, noise, motion = torch.randn(2, 6, 3), torch.randn(4, 2, 6, 3), torch.randn(2, 4, 3)
    conditioning = sampler.Conditioning(noise, motion, torch.tensor([True, False])[:, None, None])
    seen = [sampler.initial_tokens(conditioning)]
    for step in range(sampler.STEPS):
        velocity = (seen[-1] - goal)[:, 2:] / sampler.TAUS[step]
        seen.append(sampler.next_tokens(seen[-1], step, velocity, conditioning))
    result = seen[-1]
    for x in seen:
        assert torch.equal(x[:, :2], motion[:, :2])
        assert torch.equal(x[0, 2:4], motion[0, 2:])
    assert torch.allclose(result[0, 4:], goal[0, 4:], atol=1e-5)
    assert torch.allclose(result[1, 2:], goal[1, 2:], atol=1e-5)
    tau = sampler.TAUS[1]
    assert torch.allclose(seen[1][1, 2:], (1 - tau) * goal[1, 2:] + tau * noise[1, 1, 2:], atol=1e-5)
