"""Text messages of the speech socket."""

from __future__ import annotations

from fuzz.mutators import json_mutator
from fuzz.target import Target
from fuzz.targets.messages import KEYS, TYPES, check_decoder
from livehead.core.limits import MAX_MESSAGE
from livehead.core.messages.from_client import decode_speech


def run(data: bytes) -> None:
    check_decoder(decode_speech, data)


TARGET = Target(
    "speech_message",
    run,
    (b'{"type":"end"}', b'{"type":"interrupt"}'),
    json_mutator(KEYS, TYPES),
    MAX_MESSAGE + 64,
    (4000, 4.0),
)
