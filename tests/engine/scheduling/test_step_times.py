from livehead.engine.scheduling.step_times import MEMORY_S, StepTimes


def test_nothing_known_is_hopeful():
    assert StepTimes().expected(1, 1) == 0.0


def test_one_hiccup_in_many_steps_does_not_count():
    times = StepTimes()
    for step in range(40):
        times.observe(1, 1, 3.0 if step == 20 else 0.01, now=0.0)
    assert times.expected(1, 1) == 0.01


def test_a_slower_device_is_noticed():
    times = StepTimes()
    for step in range(200):
        times.observe(1, 1, 0.01 if step < 100 else 0.03, now=0.0)
    assert times.expected(1, 1) == 0.03


def test_a_device_that_is_well_again_is_noticed_soon():
    times = StepTimes()
    for step in range(200):
        times.observe(1, 1, 0.03 if step < 192 else 0.01, now=0.0)
    assert times.expected(1, 1) == times.typical(1, 1) == 0.01


def test_the_unknown_is_guessed_from_the_nearest_smaller():
    times = StepTimes()
    times.observe(1, 4, 0.1, now=0.0)
    times.observe(3, 12, 0.2, now=0.0)
    assert times.expected(2, 8) == 0.1
    assert times.expected(4, 16) == 0.2
    assert times.expected(1, 1) == 0.1


def test_old_steps_are_forgotten():
    times = StepTimes()
    times.observe(1, 1, 9.0, now=0.0)
    times.forget(MEMORY_S - 0.1)
    assert times.expected(1, 1) == 9.0
    times.forget(MEMORY_S + 0.1)
    assert times.expected(1, 1) == 0.0
