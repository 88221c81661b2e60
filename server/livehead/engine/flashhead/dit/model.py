"""The diffusion transformer: latents, reference portrait and audio tokens in, velocity out.

Everything that does not change within a window is taken out of the four steps: the time vectors
(computed when the weights are loaded), the reference half of the patch embedding (once a portrait),
and what the cross attention makes of the audio (once a window, context.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import layer_norm, linear, silu

from livehead.engine.flashhead.dit.attention import Attention
from livehead.engine.flashhead.dit.audio_context import Context, keys_of, values_of
from livehead.engine.flashhead.dit.fused_ops import add_norm, norm, rotated, shares
from livehead.engine.flashhead.dit.matmul_precision import Rounded, Weight, feed_forward, product, rounded
from livehead.engine.flashhead.runtime.device import Precision
from livehead.engine.flashhead.weights.config import AUDIO_HIDDEN, AUDIO_TOKENS, NEIGHBOURS, DitConfig
from livehead.engine.flashhead.weights.files import Shape

AUDIO_EPS = 1e-5
"""The audio tokens' LayerNorm is the only one with this epsilon."""


@dataclass(slots=True)
class Block:
    """One transformer block's weights. ``modulation`` is (steps, 6, dim), scales stored as 1 + scale."""

    qkv: Weight
    qkv_bias: Tensor
    norm_q: Tensor
    norm_k: Tensor
    out: Weight
    out_bias: Tensor
    cross_norm: Tensor
    cross_norm_bias: Tensor
    cross_q: Tensor
    cross_q_bias: Tensor
    cross_out_bias: Tensor
    up: Weight
    up_bias: Tensor
    down: Weight
    down_bias: Tensor
    raw_modulation: Tensor
    modulation: Tensor


def _unrounded(weight: Weight) -> Tensor:
    assert not isinstance(weight, Rounded)  # weights are rounded once they are there
    return weight


class Dit:
    """The transformer's weights and what it computes with them.

    ``targets()`` names the tensors to be filled in; ``prepare()`` derives the rest, once.
    """

    def __init__(self, config: DitConfig, device: torch.device, precision: Precision, attention: Attention) -> None:
        self.config = config
        self.precision = precision
        dtype = self.dtype = precision.dtype
        self.attention = attention
        dim, ffn, layers = config.dim, config.ffn_dim, config.num_layers

        def new(*shape: int, dtype: torch.dtype = dtype) -> Tensor:
            return torch.empty(shape, device=device, dtype=dtype)

        self.blocks = [
            Block(
                qkv=new(3 * dim, dim),
                qkv_bias=new(3 * dim),
                norm_q=new(dim),
                norm_k=new(dim),
                out=new(dim, dim),
                out_bias=new(dim),
                cross_norm=new(dim, dtype=precision.residual),
                cross_norm_bias=new(dim, dtype=precision.residual),
                cross_q=new(dim, dim),
                cross_q_bias=new(dim),
                cross_out_bias=new(dim),
                up=new(ffn, dim),
                up_bias=new(ffn),
                down=new(dim, ffn),
                down_bias=new(dim),
                raw_modulation=new(1, 6, dim, dtype=torch.float32),
                modulation=new(0),
            )
            for _ in range(layers)
        ]
        # What is applied to the audio in all layers, beside each other: one batched product a window.
        self.context = new(2 * layers, dim, dim)
        self.context_bias = new(2 * layers, dim)
        self.context_norm_q = new(layers, dim)
        self.context_norm_k = new(layers, dim)
        self.context_out = new(layers, dim, dim)
        channels = config.audio_blocks * config.audio_channels
        self.first = new(AUDIO_HIDDEN, NEIGHBOURS * channels)
        self.first_bias = new(AUDIO_HIDDEN)
        self.later = new(AUDIO_HIDDEN, (config.vae_stride[0] + 4) * channels)
        self.later_bias = new(AUDIO_HIDDEN)
        self.hidden = new(AUDIO_HIDDEN, AUDIO_HIDDEN)
        self.hidden_bias = new(AUDIO_HIDDEN)
        self.expand = new(AUDIO_TOKENS * dim, AUDIO_HIDDEN)
        self.expand_bias = new(AUDIO_TOKENS * dim)
        self.audio_norm = new(dim, dtype=torch.float32)
        self.audio_norm_bias = new(dim, dtype=torch.float32)
        self.patch = new(dim, config.in_dim, *config.patch_size)
        self.patch_bias = new(dim)
        values = config.out_dim * torch.Size(config.patch_size).numel()
        self.head = new(values, dim)
        self.head_bias = new(values)
        self.head_modulation = new(1, 2, dim, dtype=torch.float32)
        # Read once, in float32, to make the time vectors of the four steps.
        self._time = {
            "time_embedding.0.weight": new(dim, config.freq_dim, dtype=torch.float32),
            "time_embedding.0.bias": new(dim, dtype=torch.float32),
            "time_embedding.2.weight": new(dim, dim, dtype=torch.float32),
            "time_embedding.2.bias": new(dim, dtype=torch.float32),
            "time_projection.1.weight": new(6 * dim, dim, dtype=torch.float32),
            "time_projection.1.bias": new(6 * dim, dtype=torch.float32),
        }

    def targets(self) -> dict[str, Tensor]:
        """Where each published tensor goes, by its published name."""
        dim = self.config.dim
        names = {
            "audio_proj.proj1.weight": self.first,
            "audio_proj.proj1.bias": self.first_bias,
            "audio_proj.proj1_vf.weight": self.later,
            "audio_proj.proj1_vf.bias": self.later_bias,
            "audio_proj.proj2.weight": self.hidden,
            "audio_proj.proj2.bias": self.hidden_bias,
            "audio_proj.proj3.weight": self.expand,
            "audio_proj.proj3.bias": self.expand_bias,
            "audio_proj.norm.weight": self.audio_norm,
            "audio_proj.norm.bias": self.audio_norm_bias,
            "patch_embedding.weight": self.patch,
            "patch_embedding.bias": self.patch_bias,
            "head.head.weight": self.head,
            "head.head.bias": self.head_bias,
            "head.modulation": self.head_modulation,
            **self._time,
        }
        for index, block in enumerate(self.blocks):
            own = {
                "self_attn.norm_q.weight": block.norm_q,
                "self_attn.norm_k.weight": block.norm_k,
                "self_attn.o.weight": _unrounded(block.out),
                "self_attn.o.bias": block.out_bias,
                "norm3.weight": block.cross_norm,
                "norm3.bias": block.cross_norm_bias,
                "cross_attn.q.weight": block.cross_q,
                "cross_attn.q.bias": block.cross_q_bias,
                "cross_attn.norm_q.weight": self.context_norm_q[index],
                "cross_attn.norm_k.weight": self.context_norm_k[index],
                "cross_attn.k.weight": self.context[2 * index],
                "cross_attn.k.bias": self.context_bias[2 * index],
                "cross_attn.v.weight": self.context[2 * index + 1],
                "cross_attn.v.bias": self.context_bias[2 * index + 1],
                "cross_attn.o.weight": self.context_out[index],
                "cross_attn.o.bias": block.cross_out_bias,
                "ffn.0.weight": _unrounded(block.up),
                "ffn.0.bias": block.up_bias,
                "ffn.2.weight": _unrounded(block.down),
                "ffn.2.bias": block.down_bias,
                "modulation": block.raw_modulation,
            }
            for place, part in enumerate("qkv"):
                own[f"self_attn.{part}.weight"] = _unrounded(block.qkv)[place * dim : (place + 1) * dim]
                own[f"self_attn.{part}.bias"] = block.qkv_bias[place * dim : (place + 1) * dim]
            names |= {f"blocks.{index}.{name}": target for name, target in own.items()}
        return names

    def unused(self) -> Mapping[str, Shape]:
        """Tensors of the published file that nothing is computed from."""
        dim, audio, text = self.config.dim, self.config.audio_channels, self.config.text_dim
        return {
            "text_embedding.0.weight": (dim, text),
            "text_embedding.0.bias": (dim,),
            "text_embedding.2.weight": (dim, dim),
            "text_embedding.2.bias": (dim,),
            "audio_emb.proj.0.weight": (audio,),
            "audio_emb.proj.0.bias": (audio,),
            "audio_emb.proj.1.weight": (audio, audio),
            "audio_emb.proj.1.bias": (audio,),
            "audio_emb.proj.3.weight": (dim, audio),
            "audio_emb.proj.3.bias": (dim,),
            "audio_emb.proj.4.weight": (dim,),
            "audio_emb.proj.4.bias": (dim,),
        }

    def prepare(self, timesteps: Sequence[float]) -> None:
        """Derive the patch embedding's halves and the time vectors of the given timesteps."""
        # (dim, channels, pt, ph, pw) → channel fastest, as tokens are.
        order = self.patch.permute(0, 2, 3, 4, 1)
        half = self.config.in_dim // 2
        self.patch_latent = order[..., :half].reshape(self.config.dim, -1).contiguous()
        self.patch_reference = order[..., half:].reshape(self.config.dim, -1).contiguous()
        self.context_weight = self.context_norm_q.float() * self.context_norm_k * self.config.head_dim**-0.5
        # (layers, dim, heads · head_dim) → (layers, heads, head_dim, dim)
        by_head = self.context_out.unflatten(-1, (self.config.num_heads, -1))
        self.context_heads = by_head.permute(0, 2, 3, 1).contiguous()
        self.context_out = by_head.new_empty(0)
        vectors = self._time_vectors(torch.tensor(timesteps, dtype=torch.float64).to(self.precision.rounding).double())
        embedding, six = vectors
        for block in self.blocks:
            modulation = block.raw_modulation + six
            modulation[:, (1, 4)] += 1
            block.modulation = modulation.to(self.precision.residual)
            if self.precision.fp8:
                for name in ("qkv", "out", "up", "down"):
                    setattr(block, name, rounded(getattr(block, name)))
        final = self.head_modulation + embedding[:, None]
        final[:, 1] += 1
        self.final = final.to(self.precision.residual)
        self._time = {}

    def _time_vectors(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """float64 positions (steps,) → e (steps, dim) and m0…m5 (steps, 6, dim), float32."""
        half = self.config.freq_dim // 2
        angles = positions[:, None] * 10000.0 ** (-torch.arange(half, dtype=torch.float64) / half)
        time = self._time
        waves = torch.cat((angles.cos(), angles.sin()), dim=-1).to(time["time_embedding.0.weight"])
        e = linear(waves, time["time_embedding.0.weight"], time["time_embedding.0.bias"])
        e = linear(silu(e), time["time_embedding.2.weight"], time["time_embedding.2.bias"])
        six = linear(silu(e), time["time_projection.1.weight"], time["time_projection.1.bias"])
        return e, six.unflatten(-1, (6, -1))

    def audio_tokens(self, embedding: Tensor) -> Tensor:
        """(B, 33, 5, blocks, channels) → (B, T, 32, dim): 32 tokens for each latent frame."""
        embedding = embedding.to(self.dtype)
        stride = self.config.vae_stride[0]
        first = linear(embedding[:, 0].flatten(1), self.first, self.first_bias)[:, None]
        groups = embedding[:, 1:].unflatten(1, (-1, stride))
        kept = torch.cat((groups[:, :, 0, :3], groups[:, :, 1:-1, 2], groups[:, :, -1, 2:]), dim=2)
        later = linear(kept.flatten(2), self.later, self.later_bias)
        tokens = torch.cat((first, later), dim=1).relu()
        tokens = linear(tokens, self.hidden, self.hidden_bias).relu()
        tokens = linear(tokens, self.expand, self.expand_bias).unflatten(-1, (AUDIO_TOKENS, -1))
        norm = layer_norm(tokens.float(), tokens.shape[-1:], self.audio_norm, self.audio_norm_bias, AUDIO_EPS)
        return norm.to(self.dtype)

    def audio_context(self, tokens: Tensor) -> Context:
        """(B, T, 32, dim) → keys and values of every layer."""
        b, t, n, dim = tokens.shape
        layers, heads = self.config.num_layers, self.config.num_heads
        flat = tokens.reshape(1, -1, dim).expand(2 * layers, -1, -1)
        both = torch.baddbmm(self.context_bias[:, None], flat, self.context.transpose(1, 2)).unflatten(0, (layers, 2))
        keys = keys_of(both[:, 0], self.context_weight, (b, t, n), heads, self.config.eps)
        return Context(keys, values_of(both[:, 1], self.context_heads, (b, t, n)))

    def reference(self, tokens: Tensor) -> Tensor:
        """Reference latent as tokens (B, S, P) → its half of the patch embedding (B, S, dim), bias included."""
        return linear(tokens.to(self.dtype), self.patch_reference, self.patch_bias).to(self.precision.residual)

    def velocity(
        self, tokens: Tensor, step: int, reference: Tensor, context: Context, rotary: tuple[Tensor, Tensor], skip: int
    ) -> Tensor:
        """One pass: latents as tokens (B, S, P) at timestep number ``step`` → velocity (B, S − skip, P).

        The first ``skip`` tokens are motion in every stream: their velocity is never used, so the
        last block computes nothing for them but keys and values.
        """
        x = linear(tokens.to(self.dtype), self.patch_latent) + reference
        eps, dtype, last = self.config.eps, self.dtype, len(self.blocks) - 1
        # Each norm is made together with the addition before it, so a block gets the norm of its own
        # input and makes that of the next.
        h = norm(x, *self._entry(0, step), eps, dtype)
        for index, block in enumerate(self.blocks):
            x, h = self._block(
                x,
                h,
                block,
                step,
                self._entry(index + 1, step),
                context.keys[index],
                context.values[index],
                rotary,
                skip if index == last else 0,
            )
        return linear(h, self.head, self.head_bias)

    def _entry(self, index: int, step: int) -> tuple[Tensor, Tensor]:
        """Weight and bias of the norm before block ``index``, or before the head."""
        shift, scale = self.final[step] if index == len(self.blocks) else self.blocks[index].modulation[step, :2]
        return scale, shift

    def _block(
        self,
        x: Tensor,
        h: Tensor,
        w: Block,
        step: int,
        following: tuple[Tensor, Tensor],
        keys: Tensor,
        values: Tensor,
        rotary: tuple[Tensor, Tensor],
        skip: int,
    ) -> tuple[Tensor, Tensor]:
        """The residual stream and its norm → the same after this block, without the first ``skip`` tokens."""
        _, _, gate_a, shift_f, scale_f, gate_f = w.modulation[step]
        eps, heads, dtype = self.config.eps, self.config.num_heads, self.dtype
        q, k, v = rotated(product(h, w.qkv, w.qkv_bias), w.norm_q, w.norm_k, *rotary, heads, eps)
        a = product(self.attention(q[:, skip:], k, v).flatten(2), w.out, w.out_bias)
        x, h = add_norm(x[:, skip:], a, gate_a, None, w.cross_norm, w.cross_norm_bias, eps, dtype)

        drop = skip * keys.shape[1] // (x.shape[1] + skip)
        share = shares(linear(h, w.cross_q, w.cross_q_bias), keys[:, drop:], eps)
        a = torch.bmm(share, values[:, drop:].flatten(0, 1)).view(h.shape)
        x, h = add_norm(x, a, None, w.cross_out_bias, scale_f, shift_f, eps, dtype)

        f = feed_forward(h, w.up, w.up_bias, w.down, w.down_bias)
        return add_norm(x, f, gate_f, None, *following, eps, dtype)
