"""A session's states."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livehead.core.lifecycle import Event, Lifecycle, State


def after(*events: Event) -> State:
    lifecycle = Lifecycle()
    for event in events:
        lifecycle.on(event)
    return lifecycle.state


E = Event


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ((), State.CONNECTING),
        ((E.CONNECTED,), State.LIVE),
        ((E.CONNECTED, E.ENGINE_DOWN), State.DEGRADED),
        ((E.CONNECTED, E.ENGINE_DOWN, E.ENGINE_UP), State.LIVE),
        ((E.CONNECTED, E.ENGINE_UP), State.LIVE),
        ((E.CONNECTED, E.MEDIA_LOST, E.ENGINE_DOWN, E.MEDIA_BACK), State.DEGRADED),
        ((E.CONNECTED, E.MEDIA_LOST, E.ENGINE_DOWN, E.MEDIA_BACK, E.ENGINE_UP), State.LIVE),
        ((E.ENGINE_DOWN,), State.CONNECTING),
        ((E.ENGINE_DOWN, E.CONNECTED), State.DEGRADED),
        ((E.ENGINE_DOWN, E.CONNECTED, E.ENGINE_UP), State.LIVE),
        ((E.ENGINE_DOWN, E.ENGINE_UP, E.CONNECTED), State.LIVE),
        ((E.DRAIN,), State.DRAINING),
        ((E.CONNECTED, E.DRAIN, E.ENGINE_DOWN, E.ENGINE_UP, E.CONNECTED), State.DRAINING),
        ((E.CONNECTED, E.ENGINE_DOWN, E.DRAIN), State.DRAINING),
        ((E.CONNECTED, E.DRAIN, E.CLOSE), State.CLOSED),
        ((E.CLOSE, E.CONNECTED, E.DRAIN, E.ENGINE_DOWN, E.ENGINE_UP), State.CLOSED),
    ],
)
def test_where_events_lead(events: tuple[Event, ...], state: State) -> None:
    assert after(*events) is state


def test_reasons() -> None:
    lifecycle = Lifecycle()
    assert lifecycle.reason is None
    lifecycle.on(E.CONNECTED)
    lifecycle.on(E.ENGINE_DOWN)
    assert lifecycle.reason == "engine-down"
    lifecycle.on(E.MEDIA_LOST)
    lifecycle.on(E.ENGINE_UP)
    assert lifecycle.reason == "media-lost"
    lifecycle.on(E.MEDIA_BACK)
    assert lifecycle.reason is None
    lifecycle.on(E.CLOSE, "client-left")
    lifecycle.on(E.CLOSE, "something else")
    assert lifecycle.reason == "client-left"


@given(st.lists(st.sampled_from(Event), max_size=30))
def test_closed_is_final_and_degraded_always_has_a_reason(events: list[Event]) -> None:
    lifecycle = Lifecycle()
    closed = drained = False
    faults: set[Event] = set()
    for event in events:
        state = lifecycle.on(event)
        closed |= event is E.CLOSE
        drained |= event is E.DRAIN
        if event in (E.ENGINE_DOWN, E.MEDIA_LOST):
            faults.add(event)
        faults -= (
            {{E.ENGINE_UP: E.ENGINE_DOWN, E.MEDIA_BACK: E.MEDIA_LOST}.get(event, event)}
            if event
            in (
                E.ENGINE_UP,
                E.MEDIA_BACK,
            )
            else set()
        )
        assert (state is State.CLOSED) == closed
        assert (state is State.DRAINING) == (drained and not closed)
        assert (state is State.DEGRADED) == (state in (State.LIVE, State.DEGRADED) and bool(faults))
        assert (lifecycle.reason in {str(fault) for fault in faults}) or state is not State.DEGRADED
