"""Files say of themselves that they are synthetic: to people by tags, to programs as XMP."""

from __future__ import annotations

import struct
from pathlib import Path
from xml.etree import ElementTree

import av
import numpy as np
import pytest

import livehead
from livehead.core.frame import Frame
from livehead.media.video.mp4 import Mp4Writer
from livehead.media.video.provenance import synthetic_tags

IPTC = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"


def boxes(data: bytes) -> list[tuple[bytes, bytes]]:
    """The boxes at the top level of an MP4 file."""
    found, at = [], 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        found.append((kind, data[at + 8 : at + size]))
        at += size
    return found


def write(path: Path, tags: dict[str, str]) -> bytes:
    with Mp4Writer(path, name="film", width=64, height=64, channels=1, tags=tags) as writer:
        for level in range(5):
            writer.add_frame(Frame(np.full((96, 64), 60 + level, np.uint8)))
            writer.add_audio(np.zeros((1, 1920), np.float32))
        writer.finish()
    return path.read_bytes()


@pytest.mark.parametrize(
    ("engine", "source"), [("preview", "compositeSynthetic"), ("flashhead", "trainedAlgorithmicMedia")]
)
def test_a_file_says_that_it_is_synthetic_and_what_made_it(tmp_path, engine, source):
    tags = synthetic_tags(engine, "lite", "amara <&> co")
    data = write(tmp_path / "film.mp4", tags)
    with av.open(str(tmp_path / "film.mp4")) as film:
        assert tags.items() <= film.metadata.items()
        assert "encoder" not in film.metadata
        assert len(list(film.decode(video=0))) == 5
    assert tags["generator"] == f"Livehead {livehead.__version__} ({engine} lite)"
    kinds = [kind for kind, _ in boxes(data)]
    assert kinds == [b"ftyp", b"moov", b"free", b"mdat", b"uuid"]
    _, body = boxes(data)[-1]
    assert body[:16].hex() == "be7acfcb97a942e89c71999491e3afac"
    [described] = ElementTree.fromstring(body[16:].decode()).iter(
        "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description"
    )
    assert described.get(IPTC) == f"http://cv.iptc.org/newscodes/digitalsourcetype/{source}"


def test_the_same_tags_give_the_same_bytes(tmp_path):
    tags = synthetic_tags("preview", None, "amara")
    assert write(tmp_path / "a.mp4", tags) == write(tmp_path / "b.mp4", dict(tags))
    assert write(tmp_path / "c.mp4", {}) == write(tmp_path / "d.mp4", {})
