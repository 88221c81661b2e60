"""What a checkpoint says about itself, and what follows from it for one picture size."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Literal, TypeAlias

from livehead.core.block import BLOCK_SAMPLES
from livehead.errors import CheckpointError, UsageError

Variant: TypeAlias = Literal["lite", "pro"]

WINDOW = 33
"""Video frames in a window, motion frames included."""

AUDIO_TOKENS = 32
"""Audio tokens for each latent frame."""

AUDIO_HIDDEN = 512
"""Width of the audio projection's hidden layers."""

NEIGHBOURS = 5
"""Audio frames around each video frame: two before, itself, two after."""

AUDIO_FRAMES = 200
"""Video frames in the 8 s of sound that the audio encoder looks at."""

AUDIO_SAMPLES = AUDIO_FRAMES * BLOCK_SAMPLES
"""128,000 samples: the same 8 s."""


class SizeError(UsageError, ValueError):
    """The picture size does not fit the model."""


@dataclass(frozen=True, slots=True)
class DitConfig:
    """The diffusion transformer's ``config.json`` and the audio encoder's output it was made for."""

    dim: int
    ffn_dim: int
    freq_dim: int
    text_dim: int
    eps: float
    num_heads: int
    num_layers: int
    in_dim: int
    out_dim: int
    vae_stride: tuple[int, int, int]
    patch_size: tuple[int, int, int]
    audio_blocks: int = 12
    audio_channels: int = 768

    @property
    def head_dim(self) -> int:
        return self.dim // self.num_heads

    @property
    def variant(self) -> Variant:
        """Lite has the eightfold temporal stride of LTX, Pro the fourfold one of Wan."""
        return "lite" if self.vae_stride[0] == 8 else "pro"


_SHARED = {
    "dim": 1536,
    "ffn_dim": 8960,
    "freq_dim": 256,
    "text_dim": 4096,
    "eps": 1e-6,
    "num_heads": 12,
    "num_layers": 30,
}

PUBLISHED: Mapping[Variant, DitConfig] = {
    "lite": DitConfig(**_SHARED, in_dim=256, out_dim=128, vae_stride=(8, 32, 32), patch_size=(1, 1, 1)),  # type: ignore[arg-type]
    "pro": DitConfig(**_SHARED, in_dim=32, out_dim=16, vae_stride=(4, 8, 8), patch_size=(1, 2, 2)),  # type: ignore[arg-type]
}
"""The two published models."""


def read_json(path: Path) -> dict[str, Any]:
    """Read a checkpoint's JSON file. Raises CheckpointError where it is missing or broken."""
    try:
        value = json.loads(path.read_text())
    except FileNotFoundError:
        raise CheckpointError(f"{path} is missing. Run `livehead models download` to fetch it.") from None
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{path} cannot be read ({error}). Delete it and run `livehead models download`."
        ) from None
    if not isinstance(value, dict):
        raise CheckpointError(f"{path} is not a JSON object. Delete it and run `livehead models download`.")
    return value


def rest_of(config: Mapping[str, Any], fixed: Mapping[str, Any], model: str) -> dict[str, Any]:
    """A configuration without what it may say but must say as ``fixed`` does; lists become tuples.

    Raises ValueError where it says otherwise.
    """
    rest = {name: tuple(value) if isinstance(value, list) else value for name, value in config.items()}
    for name, value in fixed.items():
        if rest.pop(name, value) != value:
            raise ValueError(f"{name} is {config[name]!r}, where {model} has {value!r}")
    return rest


def read_dit_config(path: Path, variant: Variant) -> DitConfig:
    """Read ``config.json`` of the transformer and check that it is the variant that was asked for."""
    raw = read_json(path)
    try:
        config = DitConfig(
            **{
                name: int(raw[name])
                for name in ("dim", "ffn_dim", "freq_dim", "num_heads", "num_layers", "in_dim", "out_dim")
            },
            text_dim=int(raw.get("text_dim", 4096)),
            eps=float(raw.get("eps", 1e-6)),
            vae_stride=_triple(raw["vae_stride"]),
            patch_size=_triple(raw["patch_size"]),
            audio_blocks=int(raw.get("audio_blocks", 12)),
            audio_channels=int(raw.get("audio_channels", 768)),
        )
    except KeyError as error:
        raise CheckpointError(f"{path} has no {error.args[0]!r}: this is not a FlashHead model.") from None
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{path} has a value of the wrong kind ({error}).") from None
    if config.variant != variant:
        raise CheckpointError(
            f"{path} describes the {config.variant} model (vae_stride {list(config.vae_stride)}), not {variant}. "
            f"Ask for `--variant {config.variant}`, or fetch the right files with `livehead models download {variant}`."
        )
    if config.dim % config.num_heads or config.head_dim % 2 or config.in_dim != 2 * config.out_dim:
        raise CheckpointError(
            f"{path} does not describe a FlashHead model: dim, num_heads, in_dim and out_dim do not fit."
        )
    return config


def _triple(value: Any) -> tuple[int, int, int]:
    t, y, x = (int(item) for item in value)
    return t, y, x


@dataclass(frozen=True, slots=True)
class Geometry:
    """Every size that one model has at one picture size. Lengths in pixels, frames and tokens."""

    height: int
    width: int
    channels: int
    stride: tuple[int, int, int]
    patch: tuple[int, int, int]

    @classmethod
    def of(cls, config: DitConfig, size: int | tuple[int, int]) -> Geometry:
        """``size`` is one side or (height, width). Raises SizeError where the model cannot make it."""
        height, width = (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))
        _, y, x = (stride * patch for stride, patch in zip(config.vae_stride, config.patch_size, strict=True))
        if height < y or width < x or height % y or width % x:
            raise SizeError(
                f"The {config.variant} model cannot make pictures of {width}×{height}: sides must be multiples of {y}."
            )
        return cls(height, width, config.out_dim, config.vae_stride, config.patch_size)

    @property
    def motion_frames(self) -> int:
        """Frames of a window that were shown before: m = v + 1."""
        return self.stride[0] + 1

    @property
    def new_frames(self) -> int:
        """Most frames that one window can add: 33 − m."""
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
        """S, tokens of a window."""
        return prod(self.grid)

    @property
    def frame_tokens(self) -> int:
        """Tokens of one latent frame."""
        return self.grid[1] * self.grid[2]

    @property
    def token_values(self) -> int:
        """Latent values in one token."""
        return prod(self.patch) * self.channels
