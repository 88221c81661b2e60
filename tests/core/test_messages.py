"""The messages on the wire: what a client may send, what it gets back, and that nothing harms the server."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livehead.core import messages
from livehead.core.lifecycle import State
from livehead.core.limits import MAX_SDP
from livehead.core.messages import (
    MAX_MESSAGE,
    Answer,
    Bye,
    Candidate,
    ChooseAvatar,
    ChooseLatency,
    End,
    ErrorMessage,
    IceCandidate,
    Interrupt,
    Offer,
    Ping,
    Playback,
    Pong,
    Spread,
    StateMessage,
    Stats,
    decode,
    decode_channel,
    decode_speech,
    encode,
)
from livehead.errors import MalformedError, NotFoundError, TooLargeError

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
            Offer(SDP, "default", "low", "off", "mic", True, 7, "t"),
        ),
        ({"type": "offer", "sdp": SDP, "avatar": None, "token": None, "probe": None}, Offer(SDP)),
        ({"type": "offer", "sdp": SDP, "something": {"new": [1]}}, Offer(SDP)),
        ({"type": "candidate", "candidate": None}, Candidate(None)),
        (
            {"type": "candidate", "candidate": {"candidate": LINE, "sdpMid": "0", "sdpMLineIndex": 0}},
            Candidate(IceCandidate(LINE, "0", 0)),
        ),
        ({"type": "candidate", "candidate": {"candidate": ""}}, Candidate(IceCandidate(""))),
        ({"type": "avatar", "id": "anna"}, ChooseAvatar("anna")),
        ({"type": "latency", "preset": "balanced"}, ChooseLatency("balanced")),
        ({"type": "interrupt"}, Interrupt()),
        ({"type": "bye"}, Bye()),
    ],
)
def test_what_clients_send(text: dict[str, object], message: object) -> None:
    assert decode(json.dumps(text)) == message
    assert decode(json.dumps(text).encode()) == message


def test_what_speakers_send() -> None:
    assert decode_speech('{"type":"end"}') == End()
    assert decode_speech('{"type":"interrupt"}') == Interrupt()
    assert decode_channel('{"type":"ping","id":7}') == Ping(7)
    with pytest.raises(MalformedError) as caught:
        decode_speech('{"type":"offer"}')
    assert caught.value.problem == "unknown-type"
    assert "end, interrupt" in str(caught.value)


@pytest.mark.parametrize(
    ("message", "body"),
    [
        (Answer(SDP, "abc"), {"type": "answer", "sdp": SDP, "session": "abc"}),
        (
            Candidate(IceCandidate(LINE, "0", 0)),
            {
                "type": "candidate",
                "candidate": {"candidate": LINE, "sdpMid": "0", "sdpMLineIndex": 0, "usernameFragment": None},
            },
        ),
        (Candidate(None), {"type": "candidate", "candidate": None}),
        (
            StateMessage(State.DEGRADED, "engine-down"),
            {"type": "state", "state": "degraded", "reason": "engine-down"},
        ),
        (
            Stats(5, 55.5, 200, Spread(3.25, 5.5), 1, 2, 3, 4, 25.0, 0.0, 60.0),
            {
                "type": "stats",
                "k": 5,
                "delay_ms": 55.5,
                "bound_ms": 200,
                "generate_ms": {"p50": 3.25, "p95": 5.5},
                "queue": 1,
                "repeated": 2,
                "dropped": 3,
                "skipped": 4,
                "fps": 25.0,
                "skew_ms": 0.0,
                "concealed_ms": 60.0,
            },
        ),
        (Playback("started", 12), {"type": "playback", "state": "started", "k": 12}),
    ],
)
def test_what_the_server_sends(message: messages.Message, body: dict[str, object]) -> None:
    text = encode(message)
    assert json.loads(text) == body
    assert text.startswith('{"type":')
    assert "\n" not in text


def test_errors_go_out_as_problems() -> None:
    problem = messages.problem_object(NotFoundError("no avatar has the id x"))
    body = json.loads(encode(ErrorMessage(problem)))
    assert body["type"] == "error"
    assert body["error"]["status"] == 404
    assert body["error"]["type"].endswith("not-found")
    assert body["error"]["detail"] == "no avatar has the id x"


def test_numbers_that_are_none_are_not_sent() -> None:
    with pytest.raises(ValueError, match="JSON"):
        encode(Stats(5, float("nan"), 200, Spread(0, 0), 0, 0, 0, 0, 0, 0, 0))


@pytest.mark.parametrize(
    ("text", "problem", "says"),
    [
        ("", "malformed-json", "not JSON"),
        ("nonsense", "malformed-json", "not JSON"),
        ('{"type":"bye"', "malformed-json", "not JSON"),
        ('{"type":"bye"} {}', "malformed-json", "not JSON"),
        (b"\xff\xfe\x00", "malformed-json", "not JSON"),
        ("[" * 100_000 + "]" * 100_000, "malformed-json", "nested"),
        ('{"a":' * 50_000 + "1" + "}" * 50_000, "malformed-json", "nested"),
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
        ('{"type":"offer","sdp":"v=0","seed":-1}', "malformed", "whole number"),
        ('{"type":"offer","sdp":"v=0","seed":true}', "malformed", "whole number"),
        ('{"type":"offer","sdp":"v=0","seed":1.5}', "malformed", "whole number"),
        ('{"type":"candidate"}', "malformed", '"candidate"'),
        ('{"type":"candidate","candidate":"x"}', "malformed", "RTCIceCandidateInit"),
        ('{"type":"candidate","candidate":{}}', "malformed", '"candidate"'),
        ('{"type":"candidate","candidate":{"candidate":"x","sdpMLineIndex":-1}}', "malformed", "sdpMLineIndex"),
        ('{"type":"avatar"}', "malformed", '"id"'),
        ('{"type":"latency","preset":{}}', "malformed", '"preset"'),
    ],
)
def test_bad_messages_are_told_apart_and_explained(text: str | bytes, problem: str, says: str) -> None:
    with pytest.raises(MalformedError) as caught:
        decode(text)
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
        decode(text)


def test_a_description_of_the_largest_size_is_taken() -> None:
    sdp = SDP + "a=" + "x" * (MAX_SDP - len(SDP) - 2)
    assert decode(json.dumps({"type": "offer", "sdp": sdp})) == Offer(sdp)


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
    for reader in (decode, decode_speech, decode_channel):
        with contextlib.suppress(MalformedError, TooLargeError):
            message = reader(text)
            assert isinstance(message, Offer | Candidate | ChooseAvatar | ChooseLatency | Interrupt | Bye | End)


def test_a_pong_carries_the_clock_of_the_server() -> None:
    assert encode(Pong(7, 12.5)) == '{"type":"pong","id":7,"clock":12.5}'


@pytest.mark.parametrize("text", ['{"type":"ping"}', '{"type":"ping","id":-1}', '{"type":"ping","id":"1"}', "{}"])
def test_a_ping_has_a_number(text: str) -> None:
    with pytest.raises(MalformedError):
        decode_channel(text)
