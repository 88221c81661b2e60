"""Hops that a step may be asked for."""

from __future__ import annotations

from livehead.engine.base import GeneratorInfo, Preset


def test_they_are_those_of_the_presets_and_twice_those_that_fit_into_a_window() -> None:
    presets = {"low": Preset(4, 1, 600), "balanced": Preset(8, 1, 900), "throughput": Preset(24, 0, 1600)}
    info = GeneratorInfo("flat", 64, 64, window=24, motion_frames=9, presets=presets, max_batch=4)
    assert info.step_hops == (4, 8, 16, 24)
