"""The sizes of a window: constants of the published models, and what follows for one frame size."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from livehead.core.block import BLOCK_SAMPLES
from livehead.engine.flashhead.weights.config import DitConfig
from livehead.errors import UsageError

WINDOW = 33
"""Video frames in a window, motion frames included."""

AUDIO_TOKENS = 32
"""Audio tokens per latent frame."""

AUDIO_HIDDEN = 512
"""Width of the audio projection's hidden layers."""

NEIGHBOURS = 5
"""Audio frames for each video frame: two before it, its own, two after it."""

AUDIO_FRAMES = 200
"""Video frames in the 8 s of audio that the audio encoder sees."""

AUDIO_SAMPLES = AUDIO_FRAMES * BLOCK_SAMPLES
"""128,000 samples: the same 8 s at 16 kHz."""


class SizeError(UsageError, ValueError):
    """The model cannot make frames of this size."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """All sizes of one model at one frame size, in pixels, frames and tokens."""

    height: int
    width: int
    channels: int
    stride: tuple[int, int, int]
    patch: tuple[int, int, int]

    @classmethod
    def of(cls, config: DitConfig, size: int | tuple[int, int]) -> Geometry:
        """``size`` is one side or (height, width), in pixels. Raises SizeError if the model cannot make it."""
        height, width = (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))
        _, y, x = (stride * patch for stride, patch in zip(config.vae_stride, config.patch_size, strict=True))
        if height < y or width < x or height % y or width % x:
            raise SizeError(
                f"The {config.variant} model cannot make frames of {width}×{height}: sides must be multiples of {y}."
            )
        return cls(height, width, config.out_dim, config.vae_stride, config.patch_size)

    @property
    def motion_frames(self) -> int:
        """Frames of a window that were shown before: m = v + 1, v being the temporal stride."""
        return self.stride[0] + 1

    @property
    def new_frames(self) -> int:
        """The most frames that one window can add: 33 − m."""
        return WINDOW - self.motion_frames

    @property
    def latent(self) -> tuple[int, int, int, int]:
        """(C, T, h, w) of a window's latents."""
        t, y, x = self.stride
        return self.channels, 1 + (WINDOW - 1) // t, self.height // y, self.width // x

    @property
    def grid(self) -> tuple[int, int, int]:
        """(t, y, x) token counts."""
        _, *lengths = self.latent
        t, y, x = (length // patch for length, patch in zip(lengths, self.patch, strict=True))
        return t, y, x

    @property
    def tokens(self) -> int:
        """S, the tokens of a window."""
        return prod(self.grid)

    @property
    def frame_tokens(self) -> int:
        """The tokens of one latent frame."""
        return self.grid[1] * self.grid[2]

    @property
    def token_values(self) -> int:
        """P, the latent values in one token."""
        return prod(self.patch) * self.channels
