"""Messages of the data channel."""

from __future__ import annotations

from fuzz.mutators import json_mutator
from fuzz.target import Target
from fuzz.targets.messages import KEYS, TYPES, check_decoder
from livehead.core.limits import MAX_MESSAGE
from livehead.core.messages.from_client import decode_channel


def run(data: bytes) -> None:
    check_decoder(decode_channel, data)


TARGET = Target(
    "channel_message",
    run,
    (b'{"type":"ping","id":1}', b'{"type":"ping","id":9223372036854775807}'),
    json_mutator(KEYS, TYPES),
    MAX_MESSAGE + 64,
    (4000, 4.0),
)
