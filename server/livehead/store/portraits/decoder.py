"""The program that decodes one picture and ends, so that what a stranger's file does to a decoder, it does there.

It reads the file on stdin and writes a line of JSON on stdout, behind it the image and the thumbnail. What it is to do
is its one argument: a :class:`~livehead.store.portraits.messages.Order` as JSON.
"""

from __future__ import annotations

import os
import sys

import cv2

from livehead.errors import PortraitError, RequestError
from livehead.image_decoding import MAX_BYTES
from livehead.store.portraits.confinement import confine
from livehead.store.portraits.messages import Order, Refusal, Result
from livehead.store.portraits.preparation import inspect_image, prepare_portrait


def work(order: Order, data: bytes) -> tuple[Result, tuple[bytes, ...]]:
    """The result, and what is written behind it."""
    crop = None if order.crop is None else order.crop.to_crop()
    try:
        if not order.keep:
            return Result.of_inspection(inspect_image(data, crop)), ()
        portrait = prepare_portrait(data, crop)
        return Result.of_portrait(portrait), (portrait.image, portrait.thumbnail)
    except RequestError as error:
        return Result(refusal=Refusal.of(error)), ()
    except MemoryError:
        large = PortraitError("The image takes too much memory to decode. Save it smaller, 1024 by 1024 is plenty.")
        return Result(refusal=Refusal.of(large)), ()


def main() -> int:
    order = Order.model_validate_json(sys.argv[1])
    cv2.setNumThreads(1)
    confine()
    result, files = work(order, sys.stdin.buffer.read(MAX_BYTES + 1))
    sys.stdout.buffer.write(result.model_dump_json().encode() + b"\n" + b"".join(files))
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    os._exit(main())  # nothing is left that would be worth the time of an orderly end
