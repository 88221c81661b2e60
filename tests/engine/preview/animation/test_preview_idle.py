"""A face moves when nobody speaks: it blinks, glances and breathes."""

from __future__ import annotations

import numpy as np
import pytest

from livehead.engine.preview.animation.idle import IdleMotion, Pose
from livehead.engine.preview.audio.features import Features


def poses(seed: int, count: int, features: Features | None = None) -> list[Pose]:
    idle, seen = IdleMotion(seed=seed), []
    for _ in range(count):
        idle = idle.next(features or Features())
        seen.append(idle.pose)
    return seen


@pytest.mark.parametrize("seed", [0, 1, 2**40])
def test_it_blinks_as_people_do(seed):
    lids = np.array([pose.lids for pose in poses(seed, 60 * 25)])
    starts = np.flatnonzero((lids[1:] > 0) & (lids[:-1] == 0))
    assert 10 <= starts.size <= 40
    assert starts[0] < 2 * 25
    assert np.diff(starts).max() < 7 * 25
    assert (lids == 1).any()
    assert lids.mean() < 0.2


def test_everything_moves_a_little_and_nothing_much():
    for name, least, most in (
        ("yaw", 0.01, 0.12),
        ("pitch", 0.005, 0.09),
        ("roll", 0.003, 0.06),
        ("breath", 0.9, 1.0),
        ("gaze_x", 0.005, 0.06),
        ("brows", 0.05, 1.0),
    ):
        values = np.array([getattr(pose, name) for pose in poses(4, 1500)])
        assert least < values.max() - values.min(), name
        assert np.abs(values).max() <= most, name


def test_the_head_never_jumps():
    turns = np.array([(pose.yaw, pose.pitch, pose.roll, pose.sway) for pose in poses(5, 1500)])
    assert np.abs(np.diff(turns, axis=0)).max() < 0.02


def test_a_pure_function_of_seed_and_count():
    assert poses(9, 300) == poses(9, 300)
    assert poses(9, 300) != poses(10, 300)


def test_speech_raises_brows_and_nods():
    stressed = Features(level=1.0, onset=1.0, voiced=1.0)
    assert max(pose.brows for pose in poses(3, 40, stressed)) > max(pose.brows for pose in poses(3, 40)) + 0.1
