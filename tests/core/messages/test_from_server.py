"""What the server sends, as it goes over the wire."""

from __future__ import annotations

import json

import pytest

from livehead.core.lifecycle import State
from livehead.core.messages.from_client import Candidate, IceCandidate
from livehead.core.messages.from_server import (
    Answer,
    ErrorMessage,
    LatencyNotice,
    Message,
    Playback,
    Pong,
    Spread,
    StateMessage,
    Stats,
    encode,
    problem_object,
)
from livehead.errors import NotFoundError, RateLimitError

SDP = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\n"
LINE = "candidate:1 1 udp 2130706431 192.0.2.1 50000 typ host"


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
            Stats(5, 55.5, 200, Spread(3.25, 5.5), 1, 2, 3, 4, 25.0, 0.0, 60.0, "balanced", "auto"),
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
                "preset": "balanced",
                "latency": "auto",
            },
        ),
        (LatencyNotice("low", "server"), {"type": "latency", "preset": "low", "by": "server"}),
        (
            Playback("started", 12, 40),
            {"type": "playback", "state": "started", "k": 12, "spoken_ms": 40, "shown_ms": None, "utterance": None},
        ),
    ],
)
def test_what_the_server_sends(message: Message, body: dict[str, object]) -> None:
    text = encode(message)
    assert json.loads(text) == body
    assert text.startswith('{"type":')
    assert "\n" not in text


def test_errors_go_out_as_problems() -> None:
    problem = problem_object(NotFoundError("no avatar has the id x"))
    body = json.loads(encode(ErrorMessage(problem)))
    assert body["type"] == "error"
    assert body["error"]["status"] == 404
    assert body["error"]["type"].endswith("not-found")
    assert body["error"]["detail"] == "no avatar has the id x"
    assert "retry_after" not in body["error"]


def test_a_problem_says_when_to_come_back() -> None:
    """A socket has no header for it."""
    assert problem_object(RateLimitError("too many", retry_after=2.1))["retry_after"] == 3
    assert problem_object(RateLimitError("too many", retry_after=0.2))["retry_after"] == 1


def test_numbers_that_are_none_are_not_sent() -> None:
    with pytest.raises(ValueError, match="JSON"):
        encode(Stats(5, float("nan"), 200, Spread(0, 0), 0, 0, 0, 0, 0, 0, 0, "low", "low"))


def test_a_pong_carries_the_clock_of_the_server() -> None:
    assert encode(Pong(7, 12.5)) == '{"type":"pong","id":7,"clock":12.5}'
