"""When a client counts as gone, and what that is called."""

from __future__ import annotations

import pytest

from livehead.sessions.admission.session_limits import SessionLimits
from livehead.sessions.viewers.liveness import (
    MEDIA_LOST_S,
    ORPHAN_QUIET_S,
    ORPHAN_S,
    REPORTS_ONLY,
    UNHEARD_SHARE,
    Liveness,
    PeerStatus,
)

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


def test_without_its_socket_a_viewer_ends_when_no_media_flow_or_after_a_while() -> None:
    one = liveness()
    one.orphaned_at = 110.0
    assert one.end(peer(111.0), 111 + ORPHAN_QUIET_S - 0.1) is None
    assert one.end(peer(111.0), 111 + ORPHAN_QUIET_S + 0.1) == "socket-ended"
    late = 110 + ORPHAN_S
    assert one.end(peer(late), late - 0.1) is None
    assert one.end(peer(late), late + 0.1) == "socket-ended"
