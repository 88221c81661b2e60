"""One window on the device, stage by stage: batched tensors in, batched tensors out.

No stage branches on values, waits for the device or draws noise, and shapes depend on the batch
size alone (and the hop, in the colour match), so each stage can be captured as a CUDA graph.
"""

from __future__ import annotations

import torch
from torch import Tensor

from livehead.engine.flashhead.colour.match import Look, match
from livehead.engine.flashhead.dit import rope as rotary
from livehead.engine.flashhead.dit.audio_context import Context
from livehead.engine.flashhead.dit.sampler import STEPS, Given, advance, start
from livehead.engine.flashhead.dit.tokens import from_tokens, to_tokens
from livehead.engine.flashhead.vae.base import Moments
from livehead.engine.flashhead.weights.checkpoint import Model


class Pipeline:
    """The stages of a window, for one model at one picture size."""

    def __init__(self, model: Model) -> None:
        self.model = model
        cos, sin = rotary.tables(model.geometry.grid, model.config.head_dim)
        self._rotary = cos.to(model.device), sin.to(model.device)

    def embed(self, samples: Tensor) -> Tensor:
        """float32 (B, 128000) → audio embedding, float32 (B, 33, 5, layers, hidden)."""
        return self.model.audio.embedding(samples)

    def context(self, embedding: Tensor) -> Context:
        """Audio embedding → cross-attention keys and values."""
        dit = self.model.dit
        return dit.audio_context(dit.audio_tokens(embedding))

    def hear(self, samples: Tensor) -> tuple[Tensor, Context]:
        """float32 (B, 128000) → audio embedding, and its keys and values."""
        embedding = self.embed(samples)
        return embedding, self.context(embedding)

    def begin(self, noise: Tensor, motion: Tensor, second: Tensor, reference: Tensor) -> tuple[Tensor, Given, Tensor]:
        """What the passes of a window start from: tokens, what is kept beside them, and ``reference`` (B, S, dim).

        ``noise`` float32 (4, B, C, T, h, w); ``motion`` float32 (B, C, 2, h, w); ``second`` bool (B,),
        false in a stream's first window.
        """
        patch = self.model.geometry.patch
        tokens = to_tokens(noise.flatten(0, 1), patch).unflatten(0, noise.shape[:2])
        given = Given(tokens, to_tokens(motion, patch), second[:, None, None])
        return start(given), given, reference

    def advance(self, step: int, x: Tensor, given: Given, reference: Tensor, context: Context) -> Tensor:
        """One pass of the transformer: tokens to tokens. Each pass is a graph of its own on CUDA, so that the device
        can begin with the first while the others are still being put to it."""
        skip = self.model.geometry.frame_tokens
        return advance(x, step, self.model.dit.velocity(x, step, reference, context, self._rotary, skip), given)

    def latents(self, x: Tensor) -> Tensor:
        """Tokens → float32 (B, C, T, h, w), the motion latents in place."""
        return from_tokens(x, self.model.geometry.patch, self.model.geometry.latent)

    def denoise(self, noise: Tensor, motion: Tensor, second: Tensor, reference: Tensor, context: Context) -> Tensor:
        """Noise to latents: the four passes. See :meth:`begin` and :meth:`latents`."""
        x, given, reference = self.begin(noise, motion, second, reference)
        for step in range(STEPS):
            x = self.advance(step, x, given, reference, context)
        return self.latents(x)

    def decode(self, latents: Tensor, wanted: range | None = None) -> Tensor:
        """Latents → (B, 33, 3, H, W), about [−1, 1], or only the wanted of the 33 frames."""
        return self.model.vae.decode(latents, wanted).transpose(1, 2)

    def match(self, frames: Tensor, look: Look) -> Tensor:
        """Decoded (B, N, 3, H, W) → RGB in [0, 1], float32."""
        return match(frames, look)

    def motion(self, pictures: Tensor, noise: Tensor | None) -> Tensor:
        """RGB in [0, 1], (B, m, 3, H, W) → motion latents, float32 (B, C, 2, h, w)."""
        vae = self.model.vae
        return vae.normalise(vae.encode((pictures * 2 - 1).transpose(1, 2)), noise)

    def portrait(self, picture: Tensor) -> Moments:
        """(3, H, W) in [−1, 1] → its posterior over a window, (1, C, T, h, w)."""
        return self.model.vae.encode_portrait(picture[None])

    def reference(self, moments: Moments, noise: Tensor | None) -> tuple[Tensor, Tensor]:
        """Posterior → the reference latent (1, C, T, h, w) and its half of the patch embedding (1, S, dim)."""
        latents = self.model.vae.normalise(moments, noise)
        return latents, self.model.dit.reference(to_tokens(latents, self.model.geometry.patch))


def stack_looks(looks: list[Look]) -> Look:
    """Several portraits' looks for a batch of pictures (B, N, 3, H, W)."""
    return Look(
        torch.stack([look.mean for look in looks])[:, None], torch.stack([look.deviation for look in looks])[:, None]
    )
