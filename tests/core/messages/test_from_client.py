"""What a client may send, and that nothing it sends harms the server."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livehead.core.limits import MAX_MESSAGE, MAX_SDP
from livehead.core.look import Look
from livehead.core.messages.from_client import (
    Bye,
    Candidate,
    ChooseAvatar,
    ChooseLatency,
    ChooseLook,
    End,
    IceCandidate,
    Interrupt,
    Offer,
    Ping,
    decode_channel,
    decode_signal,
    decode_speech,
)
from livehead.errors import MalformedError, TooLargeError

SDP = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\n"
LINE = "candidate:1 1 udp 2130706431 192.0.2.1 50000 typ host"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ({"type": "offer", "sdp": SDP}, Offer(SDP)),
        (
            {
                "type": "offer",
                "sdp": SDP,
                "avatar": "default",
                "latency": "low",
                "voice": "off",
                "source": "mic",
                "probe": True,
                "seed": 7,
                "token": "t",
            },
            Offer(SDP, "default", "low", "off", "mic", True, 7, token="t"),
        ),
        ({"type": "offer", "sdp": SDP, "avatar": None, "token": None, "probe": None}, Offer(SDP)),
        ({"type": "offer", "sdp": SDP, "something": {"new": [1]}}, Offer(SDP)),
        ({"type": "bye", "\ud800": 1}, Bye()),
        ({"type": "candidate", "candidate": None}, Candidate(None)),
        (
            {"type": "candidate", "candidate": {"candidate": LINE, "sdpMid": "0", "sdpMLineIndex": 0}},
            Candidate(IceCandidate(LINE, "0", 0)),
        ),
        ({"type": "candidate", "candidate": {"candidate": ""}}, Candidate(IceCandidate(""))),
        ({"type": "avatar", "id": "anna"}, ChooseAvatar("anna")),
        ({"type": "look", "look": {"background": "#a0B1c2"}}, ChooseLook(Look("#a0B1c2"))),
        ({"type": "latency", "preset": "balanced"}, ChooseLatency("balanced")),
        ({"type": "interrupt"}, Interrupt()),
        ({"type": "bye"}, Bye()),
    ],
)
def test_what_clients_send(text: dict[str, object], message: object) -> None:
    assert decode_signal(json.dumps(text)) == message
    assert decode_signal(json.dumps(text).encode()) == message


def test_what_speakers_send() -> None:
    assert decode_speech('{"type":"end"}') == End()
    assert decode_speech('{"type":"interrupt"}') == Interrupt()
    assert decode_channel('{"type":"ping","id":7}') == Ping(7)
    with pytest.raises(MalformedError) as caught:
        decode_speech('{"type":"offer"}')
    assert caught.value.problem == "unknown-type"
    assert "end, interrupt" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "problem", "says"),
    [
        ("", "malformed-json", "not JSON"),
        ("nonsense", "malformed-json", "not JSON"),
        ('{"type":"bye"', "malformed-json", "not JSON"),
        ('{"type":"bye"} {}', "malformed-json", "not JSON"),
        (b"\xff\xfe\x00", "malformed-json", "not JSON"),
        ("[" * 17 + "]" * 17, "malformed-json", "nested"),
        ("[" * 30_000 + "]" * 30_000, "malformed-json", "nested"),
        ('{"a":' * 9_000 + "1" + "}" * 9_000, "malformed-json", "nested"),
        ('{"x":[' + "[]," * 1000 + "[]]}", "malformed-json", "nested"),
        ('{"type":"bye","x":NaN}', "malformed-json", "NaN"),
        ('{"type":"bye","x":-Infinity}', "malformed-json", "Infinity"),
        ('{"type":"bye","x":1e999}', "malformed-json", "too large"),
        ('{"type":"bye","x":' + "9" * 10_000 + "}", "malformed-json", "not JSON"),
        ("[]", "malformed", "object"),
        ('"bye"', "malformed", "object"),
        ("null", "malformed", "object"),
        ("{}", "malformed", '"type"'),
        ('{"type":5}', "malformed", '"type"'),
        ('{"type":["bye"]}', "malformed", '"type"'),
        ('{"type":"answer"}', "unknown-type", "known are offer"),
        ('{"type":"' + "x" * 1000 + '"}', "unknown-type", "known are offer"),
        ('{"type":"offer"}', "malformed", '"sdp"'),
        ('{"type":"offer","sdp":""}', "malformed", '"sdp"'),
        ('{"type":"offer","sdp":5}', "malformed", '"sdp"'),
        ('{"type":"offer","sdp":"hello"}', "malformed", "v=0"),
        ('{"type":"offer","sdp":"v=0\\ud800"}', "malformed", "Unicode"),
        ('{"type":"offer","sdp":"v=0","voice":"maybe"}', "malformed", "on, off"),
        ('{"type":"offer","sdp":"v=0","voice":true}', "malformed", "on, off"),
        ('{"type":"offer","sdp":"v=0","voice":["on"]}', "malformed", "on, off"),
        ('{"type":"offer","sdp":"v=0","source":"tape"}', "malformed", "mic, push"),
        ('{"type":"offer","sdp":"v=0","probe":1}', "malformed", "true or false"),
        ('{"type":"offer","sdp":"v=0","probe":0}', "malformed", "true or false"),
        ('{"type":"offer","sdp":"v=0","avatar":5}', "malformed", '"avatar" must be a string'),
        ('{"type":"offer","sdp":"v=0","avatar":"\\ud800"}', "malformed", "Unicode"),
        ('{"type":"offer","sdp":"v=0","seed":-1}', "malformed", "whole number"),
        ('{"type":"offer","sdp":"v=0","seed":true}', "malformed", "whole number"),
        ('{"type":"offer","sdp":"v=0","seed":1.5}', "malformed", "whole number"),
        ('{"type":"candidate"}', "malformed", '"candidate"'),
        ('{"type":"candidate","candidate":"x"}', "malformed", "RTCIceCandidateInit"),
        ('{"type":"candidate","candidate":{}}', "malformed", '"candidate"'),
        ('{"type":"candidate","candidate":{"candidate":"x","sdpMLineIndex":-1}}', "malformed", "sdpMLineIndex"),
        ('{"type":"avatar"}', "malformed", '"id"'),
        ('{"type":"avatar","id":""}', "malformed", "not empty"),
        ('{"type":"latency","preset":{}}', "malformed", '"preset"'),
    ],
)
def test_bad_messages_are_told_apart_and_explained(text: str | bytes, problem: str, says: str) -> None:
    with pytest.raises(MalformedError) as caught:
        decode_signal(text)
    assert caught.value.problem == problem
    assert says in str(caught.value)
    assert len(str(caught.value)) < 300, "a detail is for reading"


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"bye","x":"' + "x" * MAX_MESSAGE + '"}',
        '{"type":"bye","x":"' + "ä" * (MAX_MESSAGE // 2) + '"}',
        b'{"type":"bye","x":"' + b"x" * MAX_MESSAGE + b'"}',
        json.dumps({"type": "offer", "sdp": "v=0" + "x" * MAX_SDP}),
        json.dumps({"type": "offer", "sdp": "v=0" + "ä" * (MAX_SDP // 2)}, ensure_ascii=False),
        json.dumps({"type": "avatar", "id": "x" * 300}),
        json.dumps({"type": "candidate", "candidate": {"candidate": "x" * 5000}}),
    ],
)
def test_what_is_too_large_is_refused(text: str | bytes) -> None:
    with pytest.raises(TooLargeError):
        decode_signal(text)


def test_a_description_of_the_largest_size_is_taken() -> None:
    sdp = SDP + "a=" + "x" * (MAX_SDP - len(SDP) - 2)
    assert decode_signal(json.dumps({"type": "offer", "sdp": sdp})) == Offer(sdp)


def test_a_token_is_never_printed() -> None:
    assert "secret" not in repr(Offer(SDP, token="secret"))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(
    ["sdp", "avatar", "latency", "voice", "source", "probe", "seed", "token", "id", "preset", "candidate"]
)
bodies = st.builds(
    lambda kind, fields: {**fields, "type": kind},
    st.sampled_from(["offer", "candidate", "avatar", "latency", "interrupt", "bye", "end"]) | json_values,
    st.dictionaries(names, json_values | st.just(SDP), max_size=6),
)


@settings(max_examples=300)
@given(st.text(max_size=60) | st.binary(max_size=60) | bodies.map(json.dumps))
def test_whatever_comes_is_a_message_or_a_request_error(text: str | bytes) -> None:
    for reader in (decode_signal, decode_speech, decode_channel):
        with contextlib.suppress(MalformedError, TooLargeError):
            message = reader(text)
            choices = ChooseAvatar | ChooseLook | ChooseLatency
            assert isinstance(message, Offer | Candidate | choices | Interrupt | Bye | End)


@pytest.mark.parametrize("text", ['{"type":"ping"}', '{"type":"ping","id":-1}', '{"type":"ping","id":"1"}', "{}"])
def test_a_ping_has_a_number(text: str) -> None:
    with pytest.raises(MalformedError):
        decode_channel(text)
