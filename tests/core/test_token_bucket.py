"""Token buckets: a rate, a burst, and no more than both allow. No clock but the test's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livehead.core.token_bucket import TokenBucket


def test_a_burst_is_let_through_and_then_the_rate() -> None:
    bucket = TokenBucket(10, 4, 100.0)
    assert [bucket.take(100.0) == 0 for _ in range(6)] == [True] * 4 + [False] * 2
    assert bucket.take(100.0) == pytest.approx(0.1)
    assert bucket.take(100.1001) == 0
    assert bucket.take(100.1001) > 0


def test_what_is_refused_is_not_taken() -> None:
    bucket = TokenBucket(1, 2, 0.0)
    for _ in range(100):
        assert bucket.take(0.0, 3) == pytest.approx(1)
    assert bucket.take(0.0, 2) == 0


@given(
    st.floats(0.1, 1000),
    st.floats(1, 1000),
    st.lists(st.tuples(st.floats(0, 2), st.floats(0.1, 5)), max_size=60),
)
def test_no_more_is_let_through_than_rate_and_burst_allow(
    rate: float, burst: float, asked: list[tuple[float, float]]
) -> None:
    bucket, now, taken = TokenBucket(rate, burst, 0.0), 0.0, 0.0
    for pause, amount in asked:
        now += pause
        if bucket.take(now, amount) == 0:
            taken += amount
        assert taken <= burst + rate * now + 1e-6 * (1 + taken)
