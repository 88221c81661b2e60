"""The stages of one window on the device: batched tensors in, batched tensors out.

No stage branches on values, waits for the device or samples noise, and shapes depend on the batch size alone (in the
colour match also on the hop), so each stage can be captured as a CUDA graph.
"""

from __future__ import annotations

import torch
from torch import Tensor

from livehead.engine.flashhead.colour.match import ColourStatistics, match
from livehead.engine.flashhead.dit.audio_context import AudioContext
from livehead.engine.flashhead.dit.rope import rope_tables
from livehead.engine.flashhead.dit.sampler import STEPS, Conditioning, initial_tokens, next_tokens
from livehead.engine.flashhead.dit.tokens import from_tokens, to_tokens
from livehead.engine.flashhead.vae.base import Moments
from livehead.engine.flashhead.weights.checkpoint import Model


class WindowStages:
    """The stages of a window, for one model at one frame size."""

    def __init__(self, model: Model) -> None:
        self.model = model
        cos, sin = rope_tables(model.geometry.grid, model.config.head_dim)
        self.rope = cos.to(model.device), sin.to(model.device)

    def audio(self, samples: Tensor) -> tuple[Tensor, AudioContext]:
        """16 kHz samples, float32 (B, 128000) → the audio embedding, float32 (B, 33, 5, layers, hidden), and the
        cross-attention's keys and values."""
        embedding = self.model.audio.embedding(samples)
        return embedding, self.model.dit.audio_context(embedding)

    def begin_denoising(
        self, noise: Tensor, motion: Tensor, two_motion: Tensor, reference: Tensor
    ) -> tuple[Tensor, Conditioning, Tensor]:
        """The first denoising step's tokens, what all steps share, and ``reference`` (B, S, dim) as it came.

        ``noise`` float32 (4, B, C, T, h, w); ``motion`` float32 (B, C, 2, h, w); ``two_motion`` bool (B,), false in a
        stream's first window.
        """
        patch = self.model.geometry.patch
        tokens = to_tokens(noise.flatten(0, 1), patch).unflatten(0, noise.shape[:2])
        conditioning = Conditioning(tokens, to_tokens(motion, patch), two_motion[:, None, None])
        return initial_tokens(conditioning), conditioning, reference

    def denoise_step(
        self, step: int, x: Tensor, conditioning: Conditioning, reference: Tensor, context: AudioContext
    ) -> Tensor:
        """One denoising step, tokens to tokens. On CUDA each step is a graph of its own, so that the device can start
        the first one while the others are still being launched."""
        skip = self.model.geometry.frame_tokens
        velocity = self.model.dit.velocity(x, step, reference, context, self.rope, skip)
        return next_tokens(x, step, velocity, conditioning)

    def latents(self, x: Tensor) -> Tensor:
        """Tokens → float32 (B, C, T, h, w), the motion latents in place."""
        return from_tokens(x, self.model.geometry.patch, self.model.geometry.latent)

    def denoise(
        self, noise: Tensor, motion: Tensor, two_motion: Tensor, reference: Tensor, context: AudioContext
    ) -> Tensor:
        """Noise to latents: all four denoising steps. See :meth:`begin_denoising` and :meth:`latents`."""
        x, conditioning, reference = self.begin_denoising(noise, motion, two_motion, reference)
        for step in range(STEPS):
            x = self.denoise_step(step, x, conditioning, reference, context)
        return self.latents(x)

    def decode(self, latents: Tensor, frames: range | None = None) -> Tensor:
        """Latents → (B, 33, 3, H, W), about [−1, 1], or only some of the 33 frames."""
        return self.model.vae.decode(latents, frames).transpose(1, 2)

    def match(self, frames: Tensor, statistics: ColourStatistics) -> Tensor:
        """Decoded (B, N, 3, H, W) → RGB in [0, 1], float32."""
        return match(frames, statistics)

    def encode_motion(self, noise: Tensor | None, *frames: Tensor) -> Tensor:
        """Each stream's RGB in [0, 1], (1, m, 3, H, W) → motion latents, float32 (B, C, 2, h, w)."""
        vae = self.model.vae
        return vae.normalise(vae.encode((torch.cat(frames) * 2 - 1).transpose(1, 2)), noise)

    def encode_portrait(self, portrait: Tensor) -> Moments:
        """(3, H, W) in [−1, 1] → its posterior over a window, (1, C, T, h, w)."""
        return self.model.vae.encode_portrait(portrait[None])

    def reference(self, moments: Moments, noise: Tensor | None) -> tuple[Tensor, Tensor]:
        """Posterior → the reference latent (1, C, T, h, w) and its half of the patch embedding (1, S, dim)."""
        latents = self.model.vae.normalise(moments, noise)
        return latents, self.model.dit.reference(to_tokens(latents, self.model.geometry.patch))
