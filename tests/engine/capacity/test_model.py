import pytest

from livehead.engine.base import Preset
from livehead.engine.capacity.model import MARGIN, Capacity, Silence, StepTime, capacity

PRESETS = {"low": Preset(1, 0, 200), "throughput": Preset(4, 0, 600)}


def steps(*times: float) -> list[StepTime]:
    """``times`` are those of batches of 1, 2, 4, …, in milliseconds."""
    return [StepTime(1 << power, each / 1000, each / 1000) for power, each in enumerate(times)]


def held(times, preset=PRESETS["throughput"], cores=64.0, on_cpu=False):
    return capacity({"it": preset}, {"it": times}, cores=cores, on_cpu=on_cpu).streams["it"]


def test_as_many_as_fit_into_the_time_of_a_hop_with_a_margin():
    assert held(steps(10)) == int(160 * MARGIN / 10)
    assert held(steps(160 * MARGIN)) == 1


def test_batches_count_where_they_pay():
    assert held(steps(40)) == 3
    assert held(steps(40, 44)) == 6
    assert held(steps(40, 100)) == 3
    assert held(steps(40, 44, 70)) == 8
    assert held(steps(30, 36, 90)) == 8  # four at a time are slower than two times two
    assert held(steps(20, 40, 50)) == 10  # four, four, and two by themselves


def test_a_batch_that_leaves_no_room_does_not_count():
    assert held(steps(40, 50, 150)) == held(steps(40, 50))
    slack = Preset(4, 0, 160 + 100)
    assert held(steps(40, 45, 60), slack) == held(steps(40, 45), slack)  # 60 to wait and 60 to be made is too late


def test_batches_that_count_nowhere_are_not_made():
    both = {"low": steps(10, 18, 34), "throughput": steps(10, 60, 130)}
    assert capacity(PRESETS, both, cores=64, on_cpu=False).max_batch == 4
    assert capacity(PRESETS, {"throughput": steps(40, 60, 190)}, cores=64, on_cpu=False).max_batch == 2
    idle = {"throughput": steps(40, 60, 118)}  # four together gain nothing
    assert capacity(PRESETS, idle, cores=64, on_cpu=False).max_batch == 2
    assert capacity(PRESETS, {}, cores=64, on_cpu=False).max_batch is None


def test_a_tail_of_slow_steps_counts_for_deadlines_and_not_for_the_load():
    assert held([StepTime(1, 0.010, 0.030)]) == held(steps(10))
    assert held([StepTime(1, 0.010, 0.150)]) == 1


def test_the_processor_is_shared_with_the_media_of_every_session():
    low = PRESETS["low"]
    assert [held(steps(8), low, cores, on_cpu=True) for cores in (1, 2, 4)] == [2, 4, 4]
    assert held(steps(0.1), low, 2) == 12


def test_a_processor_keeps_a_reserve_for_a_slow_hour():
    """Frames then take three times as long, but no longer than 7.5 ms where that was not measured."""
    low = PRESETS["low"]
    slow = held(steps(7.5), low, 2, on_cpu=True)
    assert slow == 4
    assert [held(steps(usual), low, 2, on_cpu=True) for usual in (2.5, 2.7, 4, 5.3, 7.4)] == [slow] * 5
    assert held(steps(10.2), low, 2, on_cpu=True) == 3
    assert held(steps(1.5), low, 2, on_cpu=True) == 6  # 4.5 ms then
    assert held(steps(2.5), low) == 14  # a device of its own has no such hours


def test_never_fewer_than_one():
    assert held([]) == held(steps(5000)) == held(steps(8), PRESETS["low"], 0.1, on_cpu=True) == 1


def test_sessions_of_different_presets_share():
    shared = Capacity({"low": 4, "throughput": 6})
    assert shared.load({"low": 2, "throughput": 3}) == 1
    assert shared.room({"low": 2, "throughput": 3}, "low") == 0
    assert shared.room({"low": 2}, "throughput") == 3
    assert shared.room({"low": 9}, "throughput") == 0
    assert shared.room({}, "low") == 4


@pytest.mark.parametrize("count", [1, 7, 49])
def test_shares_add_up_exactly(count):
    shared = Capacity({"low": count})
    assert [shared.room({"low": taken}, "low") for taken in range(count + 1)] == list(range(count, -1, -1))


LITE = {"low": Preset(4, 1, 600), "balanced": Preset(8, 1, 900), "throughput": Preset(24, 0, 1600)}
LITE_STEPS = [StepTime(1, 0.044, 0.045), StepTime(4, 0.155, 0.158)]


def lite(silence: Silence | None) -> Capacity:
    return capacity(LITE, dict.fromkeys(LITE, LITE_STEPS), cores=16, on_cpu=False, silence=silence)


def test_those_who_take_turns_are_let_in_as_far_as_all_could_speak_at_once_at_the_cheapest():
    found = lite(Silence(24, LITE_STEPS))
    assert found.streams == {"low": 6, "balanced": 12, "throughput": 22}
    assert found.talking == {"low": 3, "balanced": 7, "throughput": 22}
    assert found.cheapest == "throughput"
    assert lite(None).streams == found.talking, "without windows of silence silence costs what speech costs"


def test_costs_add_up_to_what_fits():
    costs = lite(Silence(24, LITE_STEPS)).costs
    assert costs.presets == ["low", "balanced", "throughput"] == costs.given
    for name, count in {"low": 3, "balanced": 7, "throughput": 22}.items():
        assert count * costs.speaking[name] <= 1 < (count + 1) * costs.speaking[name]
        assert costs.silent[name] == costs.silent["low"] <= costs.speaking["throughput"]


def test_a_processor_holds_all_speaking_in_a_usual_hour_and_turns_in_a_slow_one():
    presets = {"low": Preset(1, 0, 200), "throughput": Preset(2, 0, 600)}
    times = {"low": steps(2.7), "throughput": steps(5.4)}

    def streams(silent_ms: float) -> dict[str, int]:
        silence = Silence(4, [StepTime(1, 4 * silent_ms / 1000, 4 * silent_ms / 1000)])
        found = capacity(presets, times, cores=2, on_cpu=True, silence=silence)
        assert found.costs.given == ["low"]
        assert max(found.streams.values()) <= found.talking["low"] == 8
        return dict(found.streams)

    assert streams(2.7) == {"low": 4, "throughput": 4}
    assert streams(0.88) == {"low": 7, "throughput": 7}  # a third, as preview does it
