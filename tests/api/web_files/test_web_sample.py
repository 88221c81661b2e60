"""What a portrait says on the page before there is a microphone."""

from __future__ import annotations

import io

import av

from livehead.api.web import find_web


def test_the_sample_is_short_and_small() -> None:
    web = find_web()
    assert web is not None
    data = (web / "demo" / "sample.mp3").read_bytes()
    assert len(data) <= 60_000
    with av.open(io.BytesIO(data)) as container:
        assert container.duration is not None
        assert 4 < container.duration / av.time_base < 12
