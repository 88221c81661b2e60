"""The portrait's voice in a user's microphone: it is nobody's, and a user's own voice on top of it is heard."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest

from ears import loud, speech
from livehead.core.messages.from_server import UserActivity
from livehead.logs import SessionLog
from livehead.sessions.hearing.hearing import Hearing
from rooms import RATE, another_voice, echo, pink, silence
from waiting import until

STEP = 320

DELAYS = (0.05, 0.13, 0.25, 0.4)
ATTENUATIONS = (6.0, 18.0, 30.0)
REVERBERATIONS = (0.3, 0.6)


def portrait(seconds: float = 9.0) -> np.ndarray:
    return np.concatenate([silence(0.5), speech(-20)])[: round(seconds * RATE)]


def user(level_db: float) -> np.ndarray:
    """It begins with its first sound."""
    voice = another_voice(speech()[4 * RATE :])
    return loud(voice[int(np.argmax(np.abs(voice) > 0.02)) :], level_db)


async def onsets(sent: np.ndarray, microphone: np.ndarray) -> list[float]:
    """When a user was told to begin to speak, in seconds."""
    now, told = 100.0, list[float]()

    def note(activity: UserActivity) -> None:
        if activity.state == "speaking":
            told.append(now - 100)

    hearing = Hearing(note, SessionLog(logging.getLogger("test"), {"session": "s"}), clock=lambda: now)
    running = asyncio.create_task(hearing.run())
    hearing.hear("a", 0, np.zeros(STEP, np.float32))
    await until(lambda: hearing._voices["a"].detect is not None)
    for at in range(0, len(microphone) - STEP, STEP):
        if at % (2 * STEP) == 0:
            hearing.sent(np.pad(sent[at : at + 2 * STEP], (0, 2 * STEP - len(sent[at : at + 2 * STEP]))))
        now += STEP / RATE
        hearing.hear("a", at + STEP, microphone[at : at + STEP])
    running.cancel()
    await asyncio.wait([running])
    return told


def echoes() -> Iterator[Any]:
    """All of them; those of the normal run go through each value."""
    for n, (delay, attenuation, reverberation) in enumerate(product(DELAYS, ATTENUATIONS, REVERBERATIONS)):
        yield pytest.param(delay, attenuation, reverberation, marks=[pytest.mark.soak] if n % 5 else [])


@pytest.mark.parametrize(("delay", "attenuation", "reverberation"), [*echoes()])
async def test_an_echo_is_nobody(delay: float, attenuation: float, reverberation: float) -> None:
    far = portrait()
    for noise in (-75, -55):
        near = echo(far, delay, attenuation, reverberation) + pink(len(far) / RATE, noise)
        assert await onsets(far, near) == []


async def double_talk(delay: float, attenuation: float, reverberation: float, above_db: float) -> float:
    """How long after a user's first sound, in seconds, it was known; the user is so much louder than the echo."""
    far, at = portrait(), 4.0
    near = echo(far, delay, attenuation, reverberation) + pink(len(far) / RATE, -65)
    own = user(-20 - attenuation + above_db)[: round((len(far) / RATE - at) * RATE)]
    near[round(at * RATE) : round(at * RATE) + len(own)] += own
    (first, *_) = await onsets(far, near)
    return first - at


@pytest.mark.parametrize("reverberation", REVERBERATIONS)
@pytest.mark.parametrize("attenuation", [6.0, 20.0])
@pytest.mark.parametrize("delay", [0.05, 0.21, 0.4])
async def test_a_user_who_talks_louder_than_an_echo_is_noticed(
    delay: float, attenuation: float, reverberation: float
) -> None:
    assert 0 < await double_talk(delay, attenuation, reverberation, 6.0) <= 0.4


async def test_a_user_who_talks_as_loudly_as_an_echo_is_noticed() -> None:
    """A first syllable that looks like the echo takes a second one, in rooms with much reverberation."""
    taken = [await double_talk(d, a, r, 0.0) for d in (0.05, 0.21, 0.4) for a in (6.0, 20.0) for r in REVERBERATIONS]
    print(sorted(round(each, 2) for each in taken))
    assert min(taken) > 0
    assert sorted(taken)[len(taken) // 2] <= 0.4
    assert max(taken) <= 1.1


@pytest.mark.parametrize("at", [2.0, 3.3, 5.0])
async def test_a_user_without_an_echo_is_noticed_as_ever(at: float) -> None:
    far = portrait()
    near = pink(len(far) / RATE, -65)
    own = user(-26)[: round((len(far) / RATE - at) * RATE)]
    near[round(at * RATE) : round(at * RATE) + len(own)] += own
    (first, *_) = await onsets(far, near)
    assert 0 < first - at <= 0.25


async def test_while_the_portrait_is_silent_its_echo_is_of_no_account() -> None:
    far = np.concatenate([portrait(4), silence(4)])
    near = echo(far, 0.2, 12, 0.3)
    own = user(-26)[: 2 * RATE]
    near[5 * RATE : 7 * RATE] += own
    (first,) = await onsets(far, near)
    assert 0 < first - 5.0 <= 0.25


async def test_a_new_echo_path_is_learned() -> None:
    """The loudspeaker is turned up, and then the network becomes slower: what comes later is an echo again."""
    far = np.concatenate([portrait(), portrait()])
    near = echo(far, 0.2, 20, 0.3)
    near[5 * RATE :] = echo(far, 0.2, 8, 0.3)[5 * RATE :]
    near[10 * RATE :] = echo(far, 0.35, 8, 0.3)[10 * RATE :]
    told = await onsets(far, near)
    assert len(told) <= 2
    assert all(5 < each < 6.5 or 10 < each < 12 for each in told)
