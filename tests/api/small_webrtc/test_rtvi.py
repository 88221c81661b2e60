"""RTVI: what the client is told, and when."""

from __future__ import annotations

import json
from typing import Any

import pytest

import livehead
from livehead.api.small_webrtc.rtvi import Rtvi
from livehead.core.lifecycle import State
from livehead.core.messages.from_server import AvatarActivity, Playback, StateMessage, UserActivity

LIVE = StateMessage(State.LIVE)


class Client:
    """One client's messages, and whether it asked for the end."""

    def __init__(self, *, live: bool = True) -> None:
        self.told: list[dict[str, Any]] = []
        self.ended = 0
        self.rtvi = Rtvi(lambda text: self.told.append(json.loads(text)), self.end)
        if live:
            self.rtvi.hear(LIVE)

    def end(self) -> None:
        self.ended += 1

    def say(self, kind: str, data: object = None, message_id: object = "1a2b") -> None:
        self.rtvi.receive(json.dumps({"label": "rtvi-ai", "type": kind, "id": message_id, "data": data}))

    def ready(self, version: str = "2.1.0") -> None:
        self.say("client-ready", {"version": version, "about": {"library": "test"}})


def test_the_bot_is_ready_when_the_client_is() -> None:
    client = Client()
    assert client.told == []
    client.ready()
    about = {"library": "livehead", "library_version": livehead.__version__}
    assert client.told == [
        {"label": "rtvi-ai", "type": "bot-ready", "id": "1a2b", "data": {"version": "2.0.0", "about": about}}
    ]


def test_the_bot_is_not_ready_before_the_session_is_live() -> None:
    client = Client(live=False)
    client.ready()
    client.rtvi.hear(StateMessage(State.CONNECTING))
    assert client.told == []
    client.rtvi.hear(LIVE)
    client.rtvi.hear(LIVE)
    assert [message["type"] for message in client.told] == ["bot-ready"]


def test_a_client_that_is_ready_again_is_answered_again() -> None:
    client = Client()
    client.ready()
    client.ready()
    assert [message["type"] for message in client.told] == ["bot-ready", "bot-ready"]


@pytest.mark.parametrize(
    ("given", "answered"),
    [
        ("2.1.0", "2.0.0"),
        ("3.0.0", "2.0.0"),
        ("1.4.2", "1.4.2"),
        ("1.x.0", "2.0.0"),
        ("1." * 99, "2.0.0"),
        (7, "2.0.0"),
    ],
)
def test_a_client_of_protocol_1_is_told_its_own_version(given: object, answered: str) -> None:
    client = Client()
    client.say("client-ready", {"version": given})
    assert client.told[0]["data"]["version"] == answered


def test_who_speaks_is_told() -> None:
    client = Client()
    client.ready()
    for message in (
        AvatarActivity("speaking", 3),
        UserActivity("speaking", 40),
        AvatarActivity("silent", 9),
        UserActivity("silent", 80),
        Playback("finished", 9, 240),  # not for clients
    ):
        client.rtvi.hear(message)  # type: ignore[arg-type]
    assert client.told[1:] == [
        {"label": "rtvi-ai", "type": "bot-started-speaking"},
        {"label": "rtvi-ai", "type": "user-started-speaking"},
        {"label": "rtvi-ai", "type": "bot-stopped-speaking"},
        {"label": "rtvi-ai", "type": "user-stopped-speaking"},
    ]


def test_a_client_that_is_not_ready_is_told_of_errors_alone() -> None:
    client = Client()
    client.rtvi.hear(AvatarActivity("speaking", 3))
    client.rtvi.hear(StateMessage(State.DEGRADED, "engine-down"))
    client.rtvi.hear(StateMessage(State.DRAINING, "draining"))
    assert [message["type"] for message in client.told] == ["error", "error"]
    assert "engine" in client.told[0]["data"]["error"]
    assert "shutting down" in client.told[1]["data"]["error"]
    assert {message["data"]["fatal"] for message in client.told} == {False}


def test_the_client_may_ask_for_the_end() -> None:
    client = Client()
    client.say("disconnect-bot", {})
    assert client.ended == 1


def test_the_end_is_told_in_the_words_of_the_transport() -> None:
    client = Client()
    client.rtvi.leave()
    assert client.told == [{"type": "signalling", "message": {"type": "peerLeft"}}]


def test_a_peer_connection_that_is_replaced_says_nothing_of_an_end() -> None:
    client = Client()
    client.rtvi.fall_silent()
    client.rtvi.leave()
    assert client.told == []


@pytest.mark.parametrize("kind", ["client-message", "send-text", "no such type"])
def test_what_has_no_answer_is_refused(kind: str) -> None:
    client = Client()
    client.say(kind, {"t": "x"}, "77")
    assert [(message["type"], message["id"]) for message in client.told] == [("error-response", "77")]
    assert kind in client.told[0]["data"]["error"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ping: 1764243600000",
        "{",
        "[]",
        "null",
        '{"label":"rtvi-ai"',
        '{"type":"client-ready"}',
        '{"type":"signalling","message":{"type":"trackStatus","receiver_index":0,"enabled":false}}',
        '{"a":' * 500 + "1" + "}" * 500,
    ],
)
def test_what_is_none_of_rtvi_is_ignored(text: str) -> None:
    client = Client()
    client.rtvi.receive(text)
    assert client.told == []
    assert client.ended == 0


@pytest.mark.parametrize("message_id", [None, 5, {"a": 1}, ["x"], "x" * 10_000])
def test_an_id_of_any_kind_is_bounded(message_id: object) -> None:
    client = Client()
    client.say("client-ready", None, message_id)
    assert len(client.told[0]["id"]) <= 64
