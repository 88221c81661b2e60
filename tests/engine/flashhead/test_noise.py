"""A stream's noise."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from livehead.engine.flashhead.noise import SeededNoise, sample_noise

CPU = torch.device("cpu")


def test_each_seed_has_its_own_noise() -> None:
    first, again, other = (SeededNoise(seed, CPU) for seed in (3, 3, 4))
    a, b, c = (sample_noise(noise, "chunk0/init", (2, 3), CPU) for noise in (first, again, other))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    with pytest.raises(ValueError, match="chunk0/init"):
        sample_noise(lambda name, shape: np.zeros(3), "chunk0/init", (2, 3), CPU)
