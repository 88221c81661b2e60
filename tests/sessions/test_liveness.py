"""When a client counts as gone, which limits end a session, and what that is called."""

from __future__ import annotations

import math
from typing import Any

import pytest

from livehead.core.identity import Identity
from livehead.sessions.liveness import (
    MEDIA_LOST_S,
    ORPHAN_QUIET_S,
    ORPHAN_S,
    REPORTS_ONLY,
    UNHEARD_SHARE,
    Liveness,
    PeerStatus,
)
from livehead.sessions.session_limits import SessionLimits
from livehead.settings import load

TIMEOUT = 8.0
SETUP = 10.0


def liveness(*, sends_audio: bool = True, connected_at: float | None = 100.0, **limits: float) -> Liveness:
    one = Liveness(SessionLimits(setup=SETUP, silence=TIMEOUT, **limits), 99.0, sends_audio=sends_audio)
    one.connected_at = connected_at
    return one


def peer(last_packet: float | None = None, **status: bool) -> PeerStatus:
    return PeerStatus(last_packet=last_packet, **status)


def test_a_client_that_never_connects_is_given_up() -> None:
    one = liveness(connected_at=None)
    assert one.end(peer(heard=True), 99 + SETUP - 0.1) is None
    assert one.end(peer(heard=True), 99 + SETUP + 0.1) == "never-connected"
    assert one.end(peer(heard=True, closed=True), 99 + SETUP + 0.1) == "never-connected", "the peer gave up, too"


def test_a_client_that_was_not_even_heard_is_given_up_sooner() -> None:
    one = liveness(connected_at=None)
    assert one.end(peer(), 99 + SETUP * UNHEARD_SHARE - 0.1) is None
    assert one.end(peer(), 99 + SETUP * UNHEARD_SHARE + 0.1) == "never-connected"


def test_a_client_whose_socket_ended_before_it_connected_is_gone() -> None:
    one = liveness(connected_at=None)
    one.orphaned_at = 100.0
    assert one.end(peer(), 100.0) == "gone"


@pytest.mark.parametrize("connected_at", [None, 100.0])
def test_a_failure_of_the_media_and_a_flood_are_told_from_a_client_that_left(connected_at: float | None) -> None:
    one = liveness(connected_at=connected_at)
    assert one.end(peer(closed=True), 101.0) == "gone"
    assert one.end(peer(closed=True, failed=True), 101.0) == "media-failed"
    assert one.end(peer(failed=True), 101.0) == "media-failed"
    assert one.end(peer(failed=True, closed=True, flooded=True), 101.0) == "flood"


def test_silence_is_lost_media_first_and_then_the_end() -> None:
    one = liveness()
    assert not one.media_lost(peer(110.0), 110 + MEDIA_LOST_S - 0.1)
    assert one.media_lost(peer(110.0), 110 + MEDIA_LOST_S + 0.1)
    assert one.end(peer(110.0), 110 + TIMEOUT - 0.1) is None
    assert one.end(peer(110.0), 110 + TIMEOUT + 0.1) == "no-media"
    assert one.end(peer(), 100 + TIMEOUT + 0.1) == "no-media", "not a packet since it connected"


def test_a_client_that_only_reports_is_given_more_time_before_its_media_count_as_lost() -> None:
    one = liveness(sends_audio=False)
    assert not one.media_lost(peer(110.0), 110 + MEDIA_LOST_S * REPORTS_ONLY - 0.1)
    assert one.media_lost(peer(110.0), 110 + MEDIA_LOST_S * REPORTS_ONLY + 0.1)


def test_without_its_socket_a_session_ends_when_no_media_flow_or_after_a_while() -> None:
    one = liveness()
    one.orphaned_at = 110.0
    assert one.end(peer(111.0), 111 + ORPHAN_QUIET_S - 0.1) is None
    assert one.end(peer(111.0), 111 + ORPHAN_QUIET_S + 0.1) == "socket-ended"
    late = 110 + ORPHAN_S
    assert one.end(peer(late), late - 0.1) is None
    assert one.end(peer(late), late + 0.1) == "socket-ended"


def test_a_session_lasts_as_long_as_it_may_from_its_connection_on() -> None:
    one = liveness(duration=60.0)
    assert one.end(peer(160.0), 160.0) is None
    assert one.end(peer(160.1), 160.1) == "time-limit"


def test_a_session_without_speech_ends_and_speech_gives_it_time() -> None:
    one = liveness(idle=30.0)
    assert one.end(peer(130.0), 130.0) is None
    assert one.end(peer(130.1), 130.1) == "idle"
    one.spoken_at = 125.0
    assert one.end(peer(155.0), 155.0) is None
    assert one.end(peer(155.1), 155.1) == "idle"


def test_without_limits_a_session_goes_on_for_ever() -> None:
    assert liveness().end(peer(1e9), 1e9) is None


@pytest.mark.parametrize(
    ("given", "token", "duration", "idle"),
    [
        ({}, None, 86400.0, 3600.0),
        ({}, 60.0, 60.0, 3600.0),
        ({"session_seconds": 30.0}, 60.0, 30.0, 3600.0),
        ({"session_seconds": 0.0, "idle_seconds": 0.0}, None, math.inf, math.inf),
        ({"session_seconds": 0.0}, 60.0, 60.0, 3600.0),
    ],
)
def test_the_limits_are_the_servers_and_what_the_token_allows(
    given: dict[str, Any], token: float | None, duration: float, idle: float
) -> None:
    limits = SessionLimits.of(load(given), Identity("198.51.100.1", max_seconds=token))
    assert (limits.duration, limits.idle) == (duration, idle)
