"""The film of a portrait at rest."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest

from livehead.core.frame import Frame
from livehead.media.video import idle_film
from livehead.media.video.idle_film import encode_idle_film, swing
from livehead.media.video.provenance import synthetic_tags

TAGS = synthetic_tags("preview", None, "amara")
SIZES = [(512, 512, (480, 480)), (640, 360, (270, 480)), (64, 64, (64, 64))]


def test_it_goes_there_and_back_without_a_jump() -> None:
    order = swing(58, 150)
    assert order[0] == 0
    assert max(order) == order[75] == 57
    assert order[1:] == order[:0:-1], "the way back is the way there"
    steps = np.diff([*order, order[0]])
    assert np.abs(steps).max() <= 2, "nowhere much faster than it was"
    assert np.abs(steps[:4]).sum() <= 1, "and slow where it turns"
    assert np.abs(steps[-4:]).sum() <= 1


@pytest.mark.parametrize(("height", "width", "shown"), SIZES)
def test_a_film_of_its_length_without_sound(height: int, width: int, shown: tuple[int, int]) -> None:
    frames = [Frame(np.full((height * 3 // 2, width), 100 + index, np.uint8)) for index in range(10)]
    film = encode_idle_film(frames, 25, TAGS)
    assert film == encode_idle_film(frames, 25, TAGS)
    assert TAGS["digital_source_type"].encode() in film[film.rindex(b"uuid") :]
    with av.open(io.BytesIO(film)) as container:
        assert TAGS.items() <= container.metadata.items()
        assert not container.streams.audio
        pictures = list(container.decode(video=0))
    assert len(pictures) == 25
    assert (pictures[0].width, pictures[0].height) == shown
    luma = [int(picture.to_ndarray(format="gray")[20, 20]) for picture in pictures]
    assert abs(luma[0] - luma[-1]) <= 4 < luma[12] - luma[0]


def test_detail_gives_way_to_size(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (768, 512), dtype=np.uint8)
    frames = [Frame(np.roll(noise, index, axis=1)) for index in range(3)]
    small = encode_idle_film(frames, 6, TAGS)
    monkeypatch.setattr(idle_film, "MAX_BYTES", 10**9)
    assert len(small) < len(encode_idle_film(frames, 6, TAGS)) / 2
