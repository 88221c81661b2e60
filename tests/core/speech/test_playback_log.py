"""What is told of every utterance: one start at most, one end, in order, and how much of it was sent and shown."""

from __future__ import annotations

import random

import numpy as np
import pytest

from livehead.core.messages.from_server import Playback
from livehead.core.speech.playback_log import REPORTS_S, SHOWN_WAIT_S, PlaybackLog
from livehead.core.speech.utterance import MAX_RUNS, Utterance

START = -100


def utterance(log: PlaybackLog, number: int, samples: int) -> Utterance:
    """One that is complete, and waits."""
    one = Utterance(number)
    log.begin(one)
    one.push(np.ones(samples, np.float32))
    one.ended = True
    return one


def put(one: Utterance, *ks: int) -> None:
    for k in ks:
        one.take(k)


def test_without_a_viewer_that_reports_the_end_is_told_when_the_last_block_was_sent() -> None:
    log = PlaybackLog(START)
    put(utterance(log, 0, 1900), 5, 6, 7)
    assert log.news(1) == []
    log.block_sent(5, 4, 1)
    assert log.news(1) == [Playback("started", 5, 40, None, 0)]
    log.block_sent(6, 6, 1.04)
    assert log.news(1.04) == []
    log.block_sent(7, 7, 1.08)
    assert log.news(1.08) == [Playback("finished", 7, 119, None, 0)]
    assert log.news(9) == []
    assert not log.open


def test_with_one_it_is_told_when_that_has_shown_the_last_frame() -> None:
    log = PlaybackLog(START)
    put(utterance(log, 0, 1280), 5, 6)
    log.frame_shown(3, 0.9)
    log.block_sent(5, 5, 1)
    assert log.news(1) == [Playback("started", 5, 40, 0, 0)]
    log.block_sent(6, 6, 1.04)
    log.frame_shown(5, 1.1)
    assert log.news(1.1) == []
    log.frame_shown(6, 1.2)
    assert log.news(1.2) == [Playback("finished", 6, 80, 80, 0)]


def test_a_later_frame_does_as_well_and_a_wait_is_bounded() -> None:
    log = PlaybackLog(START)
    put(utterance(log, 0, 640), 5)
    put(utterance(log, 1, 1280), 6, 7)
    log.frame_shown(4, 0.9)
    log.block_sent(5, 5, 1)
    log.block_sent(6, 6, 1.04)
    assert log.news(1.04) == [Playback("started", 5, 40, 0, 0)], "the next one waits for the end of this"
    log.frame_shown(6, 1.1)
    assert log.news(1.1) == [Playback("finished", 5, 40, 40, 0), Playback("started", 6, 40, 40, 1)]
    log.block_sent(7, 7, 1.12)
    assert log.news(1.12 + SHOWN_WAIT_S - 0.01) == []
    assert log.news(1.12 + SHOWN_WAIT_S) == [Playback("finished", 7, 80, 40, 1)]


def test_an_interrupt_tells_what_was_sent_and_shown_of_each_utterance() -> None:
    log = PlaybackLog(START)
    one, two = utterance(log, 0, 6400), utterance(log, 1, 6400)
    put(one, *range(10))
    put(two, 10, 11)
    for k in range(4):
        log.block_sent(k, k, k * 0.04)
    log.frame_shown(1, 0.13)
    assert log.interrupt(0.14, answer=True)
    assert log.news(0.14) == [Playback("started", 0, 40, 80, 0)]
    log.frame_shown(20, 0.3)  # the portrait at rest
    assert log.news(0.3) == [Playback("interrupted", 3, 160, 160, 0), Playback("interrupted", 3, 0, 0, 1)]


def test_what_was_sent_with_an_old_frame_was_not_shown() -> None:
    log = PlaybackLog(START)
    put(utterance(log, 0, 6400), *range(10))
    for k, frame in enumerate((0, 1, 1, 1)):
        log.block_sent(k, frame, k * 0.04)
    log.frame_shown(0, 0.1)
    log.interrupt(0.13, answer=True)
    log.frame_shown(30, 0.2)
    assert log.news(0.2)[-1] == Playback("interrupted", 3, 160, 80, 0)


def test_frames_of_before_show_nothing_of_it() -> None:
    log = PlaybackLog(START)
    put(utterance(log, 0, 6400), *range(10))
    log.frame_shown(-3, 0)
    log.block_sent(0, -3, 0)
    log.block_sent(1, -3, 0.04)
    log.interrupt(0.05, answer=True)
    assert log.news(0.05) == [Playback("started", 0, 40, 0, 0), Playback("interrupted", 1, 80, 0, 0)]


def test_an_interrupt_of_nothing_is_answered_in_its_turn() -> None:
    log = PlaybackLog(START)
    assert not log.interrupt(0, answer=False)
    assert log.news(0) == []
    assert not log.interrupt(0, answer=True)
    assert log.news(0) == [Playback("interrupted", START)]
    put(utterance(log, 0, 640), 0)
    log.frame_shown(-1, 0)
    log.block_sent(0, 0, 0)
    assert not log.interrupt(0.01, answer=True), "all of it was sent"
    assert log.news(0.01) == [Playback("started", 0, 40, 0, 0)]
    assert log.news(1) == [Playback("finished", 0, 40, 0, 0), Playback("interrupted", 0)]


def test_whoever_takes_over_is_told_nothing_of_what_others_said_and_answered_all_the_same() -> None:
    log = PlaybackLog(START)
    put(utterance(log, 0, 6400), 0, 1)
    log.leave()
    utterance(log, 0, 640)
    log.block_sent(0, 0, 0)
    assert log.interrupt(0, answer=True)
    assert log.news(0) == [Playback("interrupted", 0, 0, None, 0)]
    put(utterance(log, 1, 640), 2)
    log.leave()
    assert log.interrupt(1, answer=True)
    assert log.news(1) == [Playback("interrupted", 0)]


def test_a_viewer_that_leaves_or_falls_silent_is_not_waited_for() -> None:
    for leaves in (True, False):
        log = PlaybackLog(START)
        put(utterance(log, 0, 6400), *range(10))
        log.frame_shown(-1, 0)
        for k in range(10):
            log.block_sent(k, k, 1 + k * 0.04)
        log.frame_shown(6, 1.4)
        assert log.news(1.4) == [Playback("started", 0, 40, 280, 0)]
        if leaves:
            log.screen_lost()
            assert log.news(1.4) == [Playback("finished", 9, 400, 280, 0)]
        else:
            assert log.news(1.36 + SHOWN_WAIT_S) == [Playback("finished", 9, 400, 280, 0)]
            put(utterance(log, 1, 640), 10)
            log.block_sent(10, 10, 1.5 + REPORTS_S)
            assert log.news(1.5 + REPORTS_S)[-1] == Playback("finished", 10, 40, None, 1)


def test_at_the_end_of_the_session_everything_gets_its_end() -> None:
    log = PlaybackLog(START)
    put(utterance(log, 0, 1280), 0, 1)
    put(utterance(log, 1, 1280), 2, 3)
    utterance(log, 2, 640)
    log.frame_shown(-1, 0)
    for k in range(3):
        log.block_sent(k, k, 0.1)
    assert log.close(0.1) == [
        Playback("started", 0, 40, 0, 0),
        Playback("finished", 1, 80, 0, 0),
        Playback("started", 2, 40, 0, 1),
        Playback("interrupted", 2, 40, 0, 1),
        Playback("interrupted", 2, 0, 0, 2),
    ]
    assert log.close(0.2) == []


def test_an_utterance_that_stalls_again_and_again_stays_small() -> None:
    one = Utterance(0)
    one.push(np.ones(640 * 500, np.float32))
    for n in range(500):
        one.take(n * 3)
    assert len(one._runs) == MAX_RUNS
    assert one.until(499 * 3) == 20_000
    assert one.until(490 * 3 + 1) == 19_640


@pytest.mark.parametrize("seed", range(8))
def test_two_hundred_utterances_with_sixty_interrupts(seed: int) -> None:
    """A clock of the test's own: frames are shown some blocks after they were sent, and reported now and then."""
    dice = random.Random(seed)
    log, now, k = PlaybackLog(START), 0.0, 0
    waiting: list[Utterance] = []
    interrupts = sorted(dice.sample(range(1, 200), 60))
    told: list[Playback] = []
    shown: dict[int, set[int]] = {n: set() for n in range(200)}
    sent: dict[int, int] = dict.fromkeys(range(200), 0)
    owner: dict[int, int] = {}
    screen: list[tuple[float, int]] = []
    reported_at = 0.0
    screened = -1
    pushed = 0
    log.frame_shown(-1, 0)
    while pushed < 200 or log.open:
        if pushed < 200 and dice.random() < 0.2:
            waiting.append(utterance(log, pushed, dice.randint(1, 8000)))
            pushed += 1
            if interrupts and pushed >= interrupts[0]:
                interrupts.pop(0)
                log.interrupt(now, answer=True)
                waiting.clear()
                k += 5  # the blocks in between are never sent
        while waiting and not waiting[0].blocks:
            waiting.pop(0)
        if waiting:
            number = waiting[0].number
            waiting[0].take(k)
            owner[k] = number
            sent[number] += 1
        fresh = dice.random() < 0.95
        frame = k if fresh else log._frame
        log.block_sent(k, frame, now)
        if frame is not None:
            screen.append((now + dice.uniform(0.05, 0.12), frame))
        while screen and screen[0][0] <= now:
            screened = max(screened, screen.pop(0)[1])
            if screened in owner:
                shown[owner[screened]].add(screened)
        if now - reported_at >= 0.25:
            reported_at = now
            log.frame_shown(screened, now)
        told += log.news(now)
        k += 1
        now += 0.04
    ends = [each for each in told if each.state != "started" and each.utterance is not None]
    assert [each.utterance for each in ends] == list(range(200))
    assert sum(each.state == "interrupted" for each in ends) > 20
    for each in ends:
        assert each.utterance is not None
        blocks = [block for block, number in owner.items() if number == each.utterance]
        assert 40 * sent[each.utterance] - 40 <= each.spoken_ms <= 40 * sent[each.utterance]
        seen = max(shown[each.utterance], default=None)
        place = 0 if seen is None else 40 * (blocks.index(seen) + 1)
        assert each.shown_ms is not None
        assert abs(each.shown_ms - min(place, each.spoken_ms)) <= 40
    for number in range(200):
        states = [each.state for each in told if each.utterance == number]
        assert states in (["started", "finished"], ["started", "interrupted"], ["interrupted"])
