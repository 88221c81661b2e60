"""Who is told that a session is recorded, and when."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from livehead.logs import SessionLog
from livehead.media.peer.channel import LABEL
from livehead.sessions.recording.base import RecordingStatus
from livehead.sessions.recording.notice import RecordingNotices
from livehead.sessions.status import Status

ON, OFF = RecordingStatus("r", "recording", on=True), RecordingStatus("r", "cut-short", on=False)


@dataclass(eq=False)
class Client:
    """A viewer and its peer in one."""

    open: bool = True
    channel: str = LABEL
    told: list[dict[str, Any]] = field(default_factory=list)

    @property
    def peer(self) -> Client:
        return self

    def send_text(self, text: str) -> bool:
        if self.open:
            self.told.append(json.loads(text))
        return self.open


def make() -> tuple[RecordingNotices, list[Any]]:
    status, heard = Status(SessionLog(None, {})), list[Any]()  # type: ignore[arg-type]
    status.subscribe(heard.append)
    return RecordingNotices(status), heard


def test_each_viewer_is_told_once_at_the_start_and_once_at_the_end() -> None:
    notices, heard = make()
    client: Any = Client()
    for recording in (ON, ON, OFF, OFF):
        notices.look(recording, [client])
    assert client.told == [{"type": "recording", "on": on, "id": "r"} for on in (True, False)]
    assert [each.on for each in heard] == [True, False]


def test_one_that_comes_later_is_told_when_its_channel_opens() -> None:
    notices, _ = make()
    late: Any = Client(open=False)
    notices.look(ON, [])
    notices.look(ON, [late])
    late.open = True
    notices.look(ON, [late])
    notices.look(ON, [late])
    assert len(late.told) == 1


def test_another_protocols_channel_and_sessions_without_a_recording_are_left_alone() -> None:
    notices, _ = make()
    other: Any = Client(channel="rtvi-ai")
    client: Any = Client()
    notices.look(ON, [other])
    assert other.told == []
    silent, heard_by_none = make()
    silent.look(None, [client])
    assert (client.told, heard_by_none) == ([], [])
