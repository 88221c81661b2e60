from livehead.engine.worker.apart import FIRST_S, MOST_S, Apart


def test_each_failure_in_a_row_keeps_streams_apart_for_longer() -> None:
    apart, now, lasted = Apart(), 0.0, []
    assert not apart.lasts(now)
    for _ in range(8):
        apart.failed(now)
        seconds = 0.0
        while apart.lasts(now + seconds):
            seconds += FIRST_S / 2
        lasted.append(seconds)
        now += seconds
    assert lasted == [10, 20, 40, 80, 160, MOST_S, MOST_S, MOST_S]
    apart.well()
    apart.failed(now)
    assert apart.lasts(now + FIRST_S - 1)
    assert not apart.lasts(now + FIRST_S)
