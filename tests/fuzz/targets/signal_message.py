"""Messages of the signal socket."""

from __future__ import annotations

from fuzz.mutators import json_mutator
from fuzz.target import Target
from fuzz.targets.messages import KEYS, TYPES, check_decoder
from livehead.core.limits import MAX_MESSAGE
from livehead.core.messages.from_client import decode_signal


def run(data: bytes) -> None:
    check_decoder(decode_signal, data)


TARGET = Target(
    "signal_message",
    run,
    (
        b'{"type":"offer","sdp":"v=0\\r\\n","avatar":"amara","latency":"low","voice":"on","source":"mic","probe":true,'
        b'"seed":7,"token":"abc"}',
        b'{"type":"candidate","candidate":{"candidate":"candidate:1 1 udp 1 192.0.2.1 9 typ host","sdpMid":"0",'
        b'"sdpMLineIndex":0,"usernameFragment":"x"}}',
        b'{"type":"candidate","candidate":null}',
        b'{"type":"avatar","id":"ben"}',
        b'{"type":"latency","preset":"balanced"}',
        b'{"type":"interrupt"}',
        b'{"type":"bye"}',
    ),
    json_mutator(KEYS, TYPES),
    MAX_MESSAGE + 64,
    (4000, 4.0),
)
