"""Connections are counted by what became of them, and timed by their steps."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest

from livehead.media.peer.setup_times import SetupTimes
from livehead.metrics import Metrics
from livehead.sessions.request import SessionRequest
from livehead.sessions.session_trace import SessionTrace
from livehead.sessions.viewers.viewer_setups import ViewerSetups, outcome_of

REQUEST = SessionRequest("amara", "auto")

DONE = SetupTimes(0.0, 0.1, 0.2, 0.4, 0.5, 0.6, "srflx")


def viewer(setup: SetupTimes, reason: str = "bye") -> Any:
    return SimpleNamespace(id="v", reason=reason, peer=SimpleNamespace(setup=setup, takes_video=True))


def counted(metrics: Metrics, name: str) -> dict[str, float]:
    found = re.findall(rf'^{name}\{{\w+="([\w-]+)"\}} (\S+)$', metrics.render().decode(), re.MULTILINE)
    return {label: float(value) for label, value in found if float(value)}


@pytest.mark.parametrize(
    ("setup", "reason", "outcome"),
    [
        (SetupTimes(0.0, 0.1), "never-connected", "unheard"),
        (SetupTimes(0.0, 0.1, 0.2), "never-connected", "ice-failed"),
        (SetupTimes(0.0, 0.1, 0.2), "gone", "ice-failed"),
        (SetupTimes(0.0, 0.1, 0.2, 0.3), "gone", "dtls-failed"),
        (SetupTimes(0.0, 0.1, 0.2), "bye", "left"),
        (SetupTimes(0.0, 0.1), "gave-way", "left"),
    ],
)
def test_what_kept_a_client_from_being_connected(setup: SetupTimes, reason: str, outcome: str) -> None:
    assert outcome_of(setup, reason) == outcome
    metrics = Metrics()
    ViewerSetups(metrics.network, SessionTrace("s", REQUEST)).left(viewer(setup, reason), caller=True)
    assert counted(metrics, "livehead_peer_setups_total") == {outcome: 1}


def test_one_that_connects_is_counted_once_and_timed_step_by_step() -> None:
    metrics = Metrics()
    setups = ViewerSetups(metrics.network, SessionTrace("s", REQUEST))
    one = viewer(DONE)
    setups.connected(one, caller=True)
    setups.shown(one, caller=True)
    setups.left(one, caller=True)
    assert counted(metrics, "livehead_peer_setups_total") == {"connected": 1}
    assert counted(metrics, "livehead_peer_paths_total") == {"srflx": 1}
    seconds = counted(metrics, "livehead_peer_setup_seconds_sum")
    assert seconds == pytest.approx({"check": 0.1, "ice": 0.2, "dtls": 0.1, "frame": 0.1, "total": 0.5})


def test_an_offer_that_was_never_answered_is_no_connection() -> None:
    metrics = Metrics()
    ViewerSetups(metrics.network, SessionTrace("s", REQUEST)).left(viewer(SetupTimes(0.0)), caller=False)
    assert counted(metrics, "livehead_peer_setups_total") == {}
