"""The diffusion transformer: latents, reference portrait and audio tokens in, velocity out.

Everything that does not change within a window is taken out of the four denoising steps: the time embedding (computed
when the weights are loaded), the reference half of the patch embedding (once per portrait), and the cross-attention's
keys and values (once per window).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.functional import linear

from livehead.engine.flashhead.dit.attention import Attention
from livehead.engine.flashhead.dit.audio_context import AudioContext, CrossAttentionProjections
from livehead.engine.flashhead.dit.audio_projection import AudioProjection
from livehead.engine.flashhead.dit.block import BlockWeights
from livehead.engine.flashhead.dit.fused_ops import add_norm, cross_attention_weights, norm, qk_norm_rope
from livehead.engine.flashhead.dit.matmul import feed_forward, linear_layer
from livehead.engine.flashhead.dit.time_embedding import TimeEmbedding
from livehead.engine.flashhead.kernels import hopper
from livehead.engine.flashhead.runtime.dtype_policy import DtypePolicy
from livehead.engine.flashhead.weights.config import DitConfig
from livehead.engine.flashhead.weights.files import Shape


class Dit:
    """The transformer's weights, and what is computed with them.

    ``targets()`` names the tensors to fill in; ``prepare()`` derives the rest, once.
    """

    def __init__(self, config: DitConfig, device: torch.device, dtypes: DtypePolicy, attention: Attention) -> None:
        self.config = config
        self.dtypes = dtypes
        dtype = self.dtype = dtypes.dtype
        self.attention = attention

        def new(*shape: int, dtype: torch.dtype = dtype) -> Tensor:
            return torch.empty(shape, device=device, dtype=dtype)

        self.blocks = [BlockWeights.empty(config, device, dtypes) for _ in range(config.num_layers)]
        self.cross_attention = CrossAttentionProjections(config, device, dtype)
        self.audio_projection = AudioProjection(config, device, dtype)
        self.patch = new(config.dim, config.in_dim, *config.patch_size)
        self.patch_bias = new(config.dim)
        values = config.out_dim * torch.Size(config.patch_size).numel()
        self.head = new(values, config.dim)
        self.head_bias = new(values)
        self.head_modulation = new(1, 2, config.dim, dtype=torch.float32)
        self._time = TimeEmbedding(config, device)

    def targets(self) -> dict[str, Tensor]:
        """Where each published tensor goes, by its published name. Raises TypeError once weights are quantized."""
        targets = {
            **self.audio_projection.targets(),
            "patch_embedding.weight": self.patch,
            "patch_embedding.bias": self.patch_bias,
            "head.head.weight": self.head,
            "head.head.bias": self.head_bias,
            "head.modulation": self.head_modulation,
            **self._time.targets,
        }
        for index, block in enumerate(self.blocks):
            own = block.targets(self.cross_attention.targets(index))
            targets |= {f"blocks.{index}.{name}": target for name, target in own.items()}
        return targets

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
        """Derive the two halves of the patch embedding and the modulation at the given timesteps (0…1000)."""
        # (dim, channels, pt, ph, pw) → channel fastest, as in tokens.
        order = self.patch.permute(0, 2, 3, 4, 1)
        half = self.config.in_dim // 2
        self.patch_latent = order[..., :half].reshape(self.config.dim, -1).contiguous()
        self.patch_reference = order[..., half:].reshape(self.config.dim, -1).contiguous()
        self.cross_attention.prepare()
        if self.dtypes.matmul == "int8":
            hopper.int8_kernels(self.head.device)  # they are tried here, and not while graphs are recorded
        embedding, six = self._time.take(timesteps, self.dtypes.timestep)
        for block in self.blocks:
            block.prepare(six, self.dtypes)
        final = self.head_modulation + embedding[:, None]
        final[:, 1] += 1
        self.final_modulation = final.to(self.dtypes.residual)

    def audio_context(self, embedding: Tensor) -> AudioContext:
        """Audio embedding, float32 (B, 33, 5, blocks, channels) → keys and values of every layer's cross-attention."""
        return self.cross_attention(self.audio_projection(embedding))

    def reference(self, tokens: Tensor) -> Tensor:
        """Reference latent as tokens (B, S, P) → its half of the patch embedding (B, S, dim), bias included."""
        return linear(tokens.to(self.dtype), self.patch_reference, self.patch_bias).to(self.dtypes.residual)

    def velocity(
        self,
        tokens: Tensor,
        step: int,
        reference: Tensor,
        context: AudioContext,
        rope: tuple[Tensor, Tensor],
        skip: int,
    ) -> Tensor:
        """One evaluation: latents as tokens (B, S, P) at timestep number ``step`` → velocity (B, S − skip, P).

        The first ``skip`` tokens are motion latents in every stream. Their velocity is never used, so the last block
        computes only keys and values for them.
        """
        x = linear(tokens.to(self.dtype), self.patch_latent) + reference
        eps, dtype, last = self.config.eps, self.dtype, len(self.blocks) - 1
        # A norm is fused with the addition before it, so a block is given the norm of its input and makes the norm
        # that the next one is given.
        h = norm(x, *self._input_norm(0, step), eps, dtype)
        for index, block in enumerate(self.blocks):
            x, h = self._block(
                x,
                h,
                block,
                step,
                self._input_norm(index + 1, step),
                context.keys[index],
                context.values[index],
                rope,
                skip if index == last else 0,
            )
        return linear(h, self.head, self.head_bias)

    def _input_norm(self, index: int, step: int) -> tuple[Tensor, Tensor]:
        """Weight and bias of the norm before block ``index``, or before the head."""
        at_head = index == len(self.blocks)
        shift, scale = self.final_modulation[step] if at_head else self.blocks[index].modulation[step, :2]
        return scale, shift

    def _block(
        self,
        x: Tensor,
        h: Tensor,
        w: BlockWeights,
        step: int,
        next_norm: tuple[Tensor, Tensor],
        keys: Tensor,
        values: Tensor,
        rope: tuple[Tensor, Tensor],
        skip: int,
    ) -> tuple[Tensor, Tensor]:
        """The residual stream and its norm → the same after this block, without the first ``skip`` tokens."""
        _, _, gate_a, shift_f, scale_f, gate_f = w.modulation[step]
        eps, heads, dtype = self.config.eps, self.config.num_heads, self.dtype
        q, k, v = qk_norm_rope(linear_layer(h, w.qkv, w.qkv_bias), w.norm_q, w.norm_k, *rope, heads, eps)
        a = linear_layer(self.attention(q[:, skip:], k, v).flatten(2), w.out, w.out_bias)
        x, h = add_norm(x[:, skip:], a, gate_a, None, w.cross_norm, w.cross_norm_bias, eps, dtype)

        skipped_frames = skip * keys.shape[1] // (x.shape[1] + skip)
        weights = cross_attention_weights(linear(h, w.cross_q, w.cross_q_bias), keys[:, skipped_frames:], eps)
        a = torch.bmm(weights, values[:, skipped_frames:].flatten(0, 1)).view(h.shape)
        x, h = add_norm(x, a, None, w.cross_out_bias, scale_f, shift_f, eps, dtype)

        f = feed_forward(h, w.up, w.up_bias, w.down, w.down_bias)
        return add_norm(x, f, gate_f, None, *next_norm, eps, dtype)
