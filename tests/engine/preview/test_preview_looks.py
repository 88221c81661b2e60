"""Other backgrounds: they stay where they are, and the person moves before them as before its own."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

import voice
from livehead.core.look import LookKind
from livehead.engine.base import Backdrop, Work
from livehead.engine.look import cover
from livehead.engine.preview.generator import PreviewGenerator, PreviewStream, create

SIZE = 256
GREEN = (20, 200, 60)
PICTURE = np.random.default_rng(3).integers(0, 255, (90, 200, 3), np.uint8)


@pytest.fixture(scope="module")
def small() -> PreviewGenerator:
    return create(size=SIZE)


def backdrop(kind: LookKind) -> Backdrop | None:
    return {
        "keep": None,
        "colour": Backdrop("colour", rgb=GREEN),
        "blur": Backdrop("blur"),
        "picture": Backdrop("picture", picture=PICTURE),
        "transparent": Backdrop("transparent"),
    }[kind]


def frames(stream: PreviewStream, generator: PreviewGenerator, seconds: float = 1.2) -> np.ndarray:
    speech = np.concatenate([voice.vowel(each, seconds / 4) for each in "aiua"])
    return np.concatenate([generator.step([Work(stream, block, 1)], "rgb24")[0] for block in voice.blocks(speech)])


def halves(made: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Colours (n, h, w, 3) and alpha in 0..1 (n, h, w)."""
    grey = made[:, SIZE:]
    assert (grey[..., :1] == grey).all()
    return made[:, :SIZE], grey[..., 0].astype(np.float32) / 255


@pytest.fixture(scope="module")
def made(small: PreviewGenerator, portrait: np.ndarray) -> dict[str, np.ndarray]:
    """The frames of each look, of the same seed and speech."""
    kinds: tuple[LookKind, ...] = ("keep", "colour", "blur", "picture", "transparent")
    assert small.info.looks == ("keep", "colour", "blur", "transparent", "picture")
    return {kind: frames(small.open(portrait, 4, backdrop=backdrop(kind)), small) for kind in kinds}


def test_alpha_is_the_same_head_at_the_same_place(made: dict[str, np.ndarray]) -> None:
    """Where alpha is full, the frame is that of the portrait as it is; what moves the face moves its outline."""
    colours, alpha = halves(made["transparent"])
    assert np.abs(colours.astype(int) - made["keep"])[alpha == 1].max() <= 1
    still = np.abs(np.diff(alpha, axis=0)).max(axis=0)
    assert (alpha.std(axis=0) > 0.02).any(), "the outline moves"
    assert still[:20].max() == 0, "and nothing where the head never comes"


def test_the_outline_moves_as_the_face_does(made: dict[str, np.ndarray]) -> None:
    """Optical flow from the first frame to that which differs most, of the colours and of alpha, is the same."""
    colours, alpha = halves(made["transparent"])
    last = int(np.abs(alpha - alpha[0]).mean(axis=(1, 2)).argmax())
    grey = [cv2.cvtColor(colours[n], cv2.COLOR_RGB2GRAY) for n in (0, last)]
    mask = [(alpha[n] * 255).astype(np.uint8) for n in (0, last)]
    flow = [cv2.calcOpticalFlowFarneback(*pair, None, 0.5, 3, 21, 5, 7, 1.5, 0) for pair in (grey, mask)]
    edge = (mask[0] > 60) & (mask[0] < 200)
    edge[SIZE * 3 // 4 :] = False  # the shoulders hardly move
    columns = np.arange(SIZE)
    # An edge tells of movement across it only: the sides of the head of movement to the sides.
    steep = np.abs(cv2.Sobel(mask[0], cv2.CV_32F, 1, 0)) > 2 * np.abs(cv2.Sobel(mask[0], cv2.CV_32F, 0, 1))
    sides = edge & steep & (np.abs(columns - SIZE // 2) > 20)
    inside, outline = (float(np.median(each[..., 0][sides])) for each in flow)
    assert sides.sum() > 30
    assert abs(inside - outline) < 0.4, "in pixels"


def grain(frame: np.ndarray) -> np.ndarray:
    rough = frame.astype(np.float32)
    return rough - cv2.GaussianBlur(rough, (0, 0), 3)


@pytest.mark.parametrize("kind", ["colour", "blur", "picture"])
def test_the_background_is_what_was_wanted_and_stays(made: dict[str, np.ndarray], kind: str) -> None:
    _, alpha = halves(made["transparent"])
    never = alpha.max(axis=0) == 0
    assert never.mean() > 0.2
    shown = made[kind]
    assert (shown[:, never] == shown[0, never]).all(), "it does not move"
    if kind == "colour":
        assert (shown[:, never] == GREEN).all()
    if kind == "picture":
        assert (shown[0][never] == cover(PICTURE, SIZE, SIZE)[never]).all()
    if kind == "blur":
        far = cv2.erode(never.astype(np.uint8), np.ones((25, 25), np.uint8)) > 0
        detail = [grain(each[0])[far].std() for each in (made["keep"], shown)]
        assert detail[1] < 0.5 * detail[0]


def test_a_frame_before_a_colour_is_colours_over_it_by_alpha(made: dict[str, np.ndarray]) -> None:
    colours, alpha = halves(made["transparent"])
    share = alpha[..., None]
    wanted = colours * share + np.array(GREEN, np.float32) * (1 - share)
    assert np.abs(wanted - made["colour"]).max() <= 1.5


def test_frames_of_twice_the_height_in_i420(small: PreviewGenerator, portrait: np.ndarray) -> None:
    stream = small.open(portrait, 4, backdrop=Backdrop("transparent"))
    block = np.zeros(640, np.float32)
    (i420,) = small.step([Work(stream, block, 1)])[0]
    assert i420.shape == (3 * SIZE, SIZE)
    luma = i420[SIZE : 2 * SIZE]
    assert luma.min() == 16
    assert luma.max() == 235
    chroma = i420[2 * SIZE :].reshape(2, SIZE, SIZE // 2)
    assert (chroma[:, SIZE // 2 :] == 128).all()


def test_what_shows_is_nowhere_the_old_background(made: dict[str, np.ndarray]) -> None:
    """No halo: along the outline every pixel is at least as green as its alpha leaves it free."""
    _, alpha = halves(made["transparent"])
    thin = (alpha > 0.05) & (alpha < 0.5)
    green = made["colour"][..., 1].astype(np.float32)
    assert (green[thin] >= (1 - alpha[thin]) * GREEN[1] - 1.5).all()


def test_the_head_moves_before_what_does_not(small: PreviewGenerator, each_portrait: np.ndarray) -> None:
    """Every portrait: corners stay exactly the colour, whatever the head does."""
    shown = frames(small.open(each_portrait, 9, backdrop=backdrop("colour")), small, 0.32)
    assert (shown[:, :8, :24] == GREEN).all()
    assert (shown[:, :8, -24:] == GREEN).all()
