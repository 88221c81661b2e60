"""What a frame shows, and when it is worth drawing another one."""

from __future__ import annotations

from dataclasses import dataclass

from livehead.engine.preview.animation.articulation import REST, MouthShape
from livehead.engine.preview.animation.idle import Pose
from livehead.engine.preview.rig.rig import Rig

STILL = 0.3
"""Pixels of the frame. The head is drawn anew before any point of it would have to move farther at once than this, and
in every frame while it moves faster. Eyes are drawn once they have turned as far. Nobody sees such steps: a frame that
is not drawn differs less from what it would have been (47 to 49 dB, mean) than it does once it is coded."""


@dataclass(frozen=True, slots=True)
class Shown:
    """``head`` is the pose that the head is drawn in, ``eyes`` that of which lids and gaze are. Equal ones are equal
    frames, to the byte."""

    head: Pose
    eyes: Pose
    mouth: MouthShape


def next_shown(last: Shown | None, mouth: MouthShape, pose: Pose, before: Pose, rig: Rig) -> Shown:
    """What the frame after ``last`` shows, when the face is in ``pose`` by then and was in ``before`` a frame earlier.
    A blink and the mouth are drawn in every frame in which they move at all."""
    mouth = REST if rig.rests(mouth) else mouth
    # Where the head goes on like that, this is how far it will have moved in the next frame.
    if last is None or rig.distance(last.head, pose) + rig.distance(before, pose) > STILL:
        return Shown(pose, pose, mouth)
    turned = pose.lids != last.eyes.lids or rig.gaze_distance(last.eyes, pose) > STILL
    return Shown(last.head, pose if turned else last.eyes, mouth)
