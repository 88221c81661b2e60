"""The configuration files of a checkpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from livehead.errors import CheckpointError

Variant: TypeAlias = Literal["lite", "pro"]


@dataclass(frozen=True, slots=True)
class DitConfig:
    """The transformer's ``config.json``, and the size of the audio encoder's output that it was trained with."""

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
        """LTX has a temporal stride of 8 (Lite), Wan one of 4 (Pro)."""
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
    """Read a checkpoint's JSON object. Raises CheckpointError if it is missing or broken."""
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
    """A configuration without the entries of ``fixed``; lists become tuples.

    Raises ValueError if an entry is there and has another value than in ``fixed``. ``model`` is named in the error.
    """
    rest = {name: tuple(value) if isinstance(value, list) else value for name, value in config.items()}
    for name, value in fixed.items():
        if rest.pop(name, value) != value:
            raise ValueError(f"{name} is {config[name]!r}, where {model} has {value!r}")
    return rest


def read_dit_config(path: Path, variant: Variant) -> DitConfig:
    """Read the transformer's ``config.json``. Raises CheckpointError if it is broken or of the other variant."""
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
