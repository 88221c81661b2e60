"""Good pictures with something changed in them, and what becomes of them: ``python -m fuzz.portrait_mutations SEED N``
runs N through the code of the decoder's program in one process, under its limits, and prints what came of them."""

from __future__ import annotations

import json
import random
import struct
import sys
import zlib
from collections import Counter
from collections.abc import Iterator
from functools import cache

import cv2
import psutil

import pictures
from fuzz.mutators import change_bytes
from livehead.image_decoding import find_format
from livehead.store.portraits.confinement import confine
from livehead.store.portraits.decoder import work
from livehead.store.portraits.messages import Order

SIDE = 200


@cache
def seeds() -> tuple[bytes, ...]:
    face = pictures.face(SIDE)
    return (
        pictures.face_file("JPEG", SIDE),
        pictures.face_file("PNG", SIDE),
        pictures.face_file("WEBP", SIDE),
        pictures.turned(6, SIDE),
        pictures.encoded(face.convert("CMYK"), "JPEG", icc_profile=pictures.srgb_profile()),
        pictures.encoded(face, "JPEG", progressive=True, quality=60),
        pictures.encoded(face.convert("P"), "PNG", transparency=0),
        pictures.encoded(face.convert("RGBA"), "WEBP", lossless=True, icc_profile=pictures.srgb_profile()),
        pictures.sixteen_bits(),
        pictures.animation("WEBP"),
    )


def mutations(seed: int, count: int) -> Iterator[bytes]:
    """``count`` files that still begin like pictures, the same ones for the same seed."""
    chance = random.Random(seed)
    while count > 0:
        changed = _change(chance.choice(seeds()), chance)
        if find_format(changed) is not None:  # others need no decoder to be refused
            count -= 1
            yield changed


def _change(data: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.randint(1, 3)):
        data = change_bytes(data, chance)
    if chance.random() < 0.2:
        data = data[: chance.randrange(len(data))]
    return _with_checksums(data) if chance.random() < 0.7 else data


def _with_checksums(data: bytes) -> bytes:
    """Chunks of a PNG with checksums that hold, so that what was changed reaches the decoder."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    written, at = data[:8], 8
    while at + 12 <= len(data):
        [length] = struct.unpack(">I", data[at : at + 4])
        body = data[at + 4 : at + 8 + length]
        if at + 12 + length > len(data):
            break
        written += data[at : at + 4] + body + struct.pack(">I", zlib.crc32(body))
        at += 12 + length
    return written + data[at:]


def main(seed: int, count: int) -> None:
    cv2.setNumThreads(1)
    order = Order(keep=True)
    files = list(mutations(seed, count))
    work(order, seeds()[0])
    confine(seconds=300)
    outcomes: Counter[str] = Counter()
    memory = []
    for each in files:
        result, _ = work(order, each)
        outcomes["kept" if result.refusal is None else result.refusal.problem] += 1
        memory.append(psutil.Process().memory_info().rss)
    print(json.dumps({"outcomes": outcomes, "memory": memory[len(files) // 3 :: len(files) // 6]}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
