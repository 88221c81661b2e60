"""Which frame a tick carried, in a call that is longer than the numbers of the test pattern."""

from __future__ import annotations

from livehead.core.sent_frames import CODE_PERIOD, KEPT, SentFrames


def test_a_code_names_the_newest_block_past_every_wrap() -> None:
    """Eight hours are eleven wraps. Each block is shown twice now and then, and some never."""
    frames, shown = SentFrames(), {}
    for index in range(8 * 3600 * 25):
        k = index - index // 50 + 5 * (index // 1000)
        frames.note(index, k)
        shown[index] = k
        shown.pop(index - KEPT, None)
        if index % 997 == 0:
            assert frames.of_code(k % CODE_PERIOD) == k
            assert frames.at(index) == k
            assert frames.at(index - KEPT) is None
            assert frames.of_code((k + 1000) % CODE_PERIOD) is None
            assert [frames.at(each) for each in shown] == list(shown.values())
