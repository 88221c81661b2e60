"""Where the published files lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from livehead.engine.flashhead.weights.config import Variant
from livehead.errors import CheckpointError

FLASHHEAD = "SoulX-FlashHead-1_3B"
WAV2VEC2 = "wav2vec2-base-960h"


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders and files of one variant, below the models folder."""

    root: Path
    variant: Variant

    @property
    def dit(self) -> Path:
        return self.root / FLASHHEAD / ("Model_Lite" if self.variant == "lite" else "Model_Pro")

    @property
    def vae(self) -> Path:
        return self.root / FLASHHEAD / ("VAE_LTX" if self.variant == "lite" else "VAE_Wan")

    @property
    def dit_file(self) -> Path:
        return self.dit / "diffusion_pytorch_model.safetensors"

    @property
    def vae_file(self) -> Path:
        return self.vae / ("diffusion_pytorch_model.safetensors" if self.variant == "lite" else "Wan2.1_VAE.pth")

    @property
    def audio(self) -> Path:
        return self.root / WAV2VEC2

    @property
    def audio_file(self) -> Path:
        return self.audio / "model.safetensors"

    def check_folders(self) -> None:
        """Raises CheckpointError for a folder that is not there."""
        for folder in (self.root, self.dit, self.vae, self.audio):
            if not folder.is_dir():
                raise CheckpointError(
                    f"The folder {folder} is missing. Fetch the weights with "
                    f"`livehead models download {self.variant}`, or name the folder that holds them with --models."
                )
