import cv2
import numpy as np

from fakes import FakeGenerator
from livehead.engine.worker.frame_history import FrameHistory


def grey(k: int, hop: int = 1) -> np.ndarray:
    """Frames whose grey in RGB is 10 · k."""
    frames = np.full((hop, 96, 64), 128, np.uint8)
    for offset in range(hop):
        frames[offset, :64] = round(16 + 10 * (k + offset) * 219 / 255)
    return frames


def ks(shown: np.ndarray) -> list[int]:
    return [round(float(frame.mean()) / 10) for frame in shown]


def history(motion_frames: int = 3, window: int = 8) -> FrameHistory:
    return FrameHistory(FakeGenerator(motion_frames=motion_frames, window=window).info)


def test_the_last_shown_frames_oldest_first():
    past = history()
    for k in range(8):
        past.keep(k, grey(k))
    shown, unshown = past.rewind(5)
    assert shown.shape == (3, 64, 64, 3)
    assert ks(shown) == [3, 4, 5]
    assert unshown == 2


def test_after_a_rewind_the_past_ends_there():
    past = history()
    past.keep(0, grey(0, hop=6))
    past.rewind(3)
    past.keep(20, grey(20, hop=2))  # the timeline may jump
    shown, unshown = past.rewind(20)
    assert ks(shown) == [2, 3, 20]
    assert unshown == 1


def test_fewer_than_wanted_repeat_the_oldest():
    past = history()
    past.keep(5, grey(5, hop=4))
    shown, unshown = past.rewind(6)
    assert ks(shown) == [5, 5, 6]
    assert unshown == 2


def test_nothing_shown_at_all():
    past = history()
    past.keep(5, grey(5, hop=4))
    assert past.rewind(4) is None
    assert history().rewind(4) is None


def test_further_back_than_frames_are_kept():
    for silence_hop, oldest in ((0, 16), (8, 8)):  # windows of silence are taken back from further on
        past = FrameHistory(FakeGenerator(motion_frames=2, window=2, silence_hop=silence_hop).info)
        for k in range(20):
            past.keep(k, grey(k))
        shown, unshown = past.rewind(3)
        assert ks(shown) == [oldest, oldest]  # the oldest that is left
        assert unshown == 16


def test_a_generator_without_motion_frames_is_told_the_count_only():
    past = history(motion_frames=0)
    past.keep(0, grey(0, hop=6))
    shown, unshown = past.rewind(3)
    assert shown.shape == (0, 64, 64, 3)
    assert unshown == 2


def test_of_a_transparent_frame_the_upper_half_is_the_picture():
    past, rng = history(motion_frames=1), np.random.default_rng(1)
    colours = cv2.resize(rng.integers(0, 255, (8, 8, 3), np.uint8), (64, 64), interpolation=cv2.INTER_CUBIC)
    both = np.concatenate([colours, np.zeros_like(colours)])
    past.keep(0, cv2.cvtColor(both, cv2.COLOR_RGB2YUV_I420)[None])
    shown, _ = past.rewind(0)
    plain = cv2.cvtColor(cv2.cvtColor(colours, cv2.COLOR_RGB2YUV_I420), cv2.COLOR_YUV2RGB_I420)
    assert (shown[0] == plain).all()
