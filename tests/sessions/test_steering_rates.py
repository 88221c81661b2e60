from __future__ import annotations

from collections.abc import Callable

import pytest

from livehead.errors import RateLimitError
from livehead.metrics import Metrics
from livehead.sessions.admission.steering_rates import CHOICES, INTERRUPTS, SteeringRates
from sessions.stubs import StubHost, StubPeer, session


def repeat(call: Callable[[], None], times: int) -> None:
    for _ in range(times):
        call()


@pytest.mark.parametrize(
    ("what", "rate", "burst"),
    [("count_interrupt", *INTERRUPTS), ("count_avatar", *CHOICES), ("count_preset", *CHOICES)],
)
def test_so_many_at_once_and_then_so_many_a_second(what: str, rate: float, burst: float) -> None:
    now = 100.0
    rates = SteeringRates(lambda: now)
    count = getattr(rates, what)
    for _ in range(round(burst)):
        count()
    with pytest.raises(RateLimitError, match="Try again") as caught:
        count()
    assert caught.value.retry_after == pytest.approx(1 / rate)
    now += 1 / rate + 1e-6
    count()
    with pytest.raises(RateLimitError):
        count()


def test_one_kind_does_not_use_up_another() -> None:
    rates = SteeringRates(lambda: 100.0)
    for _ in range(round(CHOICES[1])):
        rates.count_avatar()
    rates.count_preset()
    rates.count_interrupt()


async def test_a_session_refuses_what_comes_too_often(monkeypatch: pytest.MonkeyPatch) -> None:
    one = session(monkeypatch, StubPeer(), StubHost(), Metrics(), source="push")
    speaker = one.speech.admit(16_000, lambda message: None)

    def interrupt() -> None:
        one.steering.interrupt()
        speaker.interrupt()

    calls: list[tuple[str, Callable[[], None]]] = [
        ("avatar", lambda: one.steering.choose_avatar("ben", lambda error: None)),
        ("preset", lambda: one.steering.choose_latency("balanced")),
        ("interrupts", interrupt),
    ]
    for what, call in calls:
        with pytest.raises(RateLimitError, match=what):
            repeat(call, 30)
