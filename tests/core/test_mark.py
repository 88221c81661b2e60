"""The visible mark: where it is, what it leaves alone, and that it can be read."""

from __future__ import annotations

import numpy as np
import pytest

from livehead.core import mark, test_pattern
from livehead.core.frame import Frame


def plain(width: int, height: int, luma: int) -> Frame:
    i420 = np.full((height * 3 // 2, width), 128, np.uint8)
    i420[:height] = luma
    return Frame(i420)


def changed(before: Frame, after: Frame) -> tuple[slice, slice]:
    """Rows and columns of the luma that differ."""
    rows, columns = np.nonzero(before.i420[: before.height] != after.i420[: after.height])
    return slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)


@pytest.mark.parametrize("size", [(512, 512), (256, 448), (448, 256), (1024, 1024), (128, 128)])
@pytest.mark.parametrize("luma", [20, 126, 230])
def test_it_is_small_in_the_lower_right_corner_and_can_be_told_from_any_ground(size, luma):
    width, height = size
    frame = plain(width, height, luma)
    marked = mark.draw(frame)
    rows, columns = changed(frame, marked)
    assert rows.start > height * 0.7
    assert rows.stop <= height - test_pattern.ROWS - 2
    assert columns.start > width * 0.7
    assert columns.stop <= width - 2
    assert (rows.stop - rows.start) * (columns.stop - columns.start) < 0.04 * width * height
    badge = marked.i420[rows, columns]
    assert badge.max() > 200  # the letters are white on …
    assert np.median(badge) < badge.max() - 90  # … something darker
    assert (frame.i420[:height] == luma).all()  # the frame itself is as it was


def test_it_leaves_the_test_pattern_alone():
    coded = test_pattern.draw(mark.draw(plain(512, 512, 90)), 1234, 9)
    assert test_pattern.read(coded.i420[:512]) == test_pattern.Reading(1234, 9)
    marked = mark.draw(test_pattern.draw(plain(512, 512, 90), 1234, 9))
    assert (marked.i420 == coded.i420).all()


def test_what_is_transparent_has_it_too():
    frame = plain(256, 512, 16)  # the lower half is the alpha: nothing to be seen
    marked = mark.draw(frame, halves=2)
    upper, lower = marked.i420[:256], marked.i420[256:512]
    rows, columns = np.nonzero(lower > 200)  # where there are letters, it is opaque
    assert len(rows) > 30
    assert (upper[rows, columns] > 16).all()
    assert ((upper != 16) == (lower != 16)).mean() > 0.995
    assert lower[-test_pattern.ROWS :].max() == 16


def test_a_picture_without_room_for_it_stays_as_it_is():
    frame = plain(32, 32, 90)
    assert mark.draw(frame) is frame
