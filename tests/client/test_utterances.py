"""What the server's messages mean for the utterances, also where they cross with what the client sends."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livehead.client.speech.playback import Playback, PlaybackResult
from livehead.client.speech.utterances import Utterance, Utterances
from livehead.core.messages.from_server import Playback as Message


async def nothing() -> AsyncGenerator[bytes]:
    return
    yield b""


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def utterance() -> Utterance:
    return Utterance(Playback(), nothing(), 24_000)


def sent(utterances: Utterances, milliseconds: int = 40) -> Utterance:
    new = utterance()
    utterances.add(new, bytes(48 * milliseconds))
    return new


async def result(of: Utterance) -> PlaybackResult:
    assert of.playback.done
    return await of.playback.finished()


async def test_an_utterance_starts_and_finishes() -> None:
    utterances = Utterances(Clock())
    one = sent(utterances, 80)
    utterances.take(Message("started", 0, utterance=0))
    await one.playback.started()
    assert not one.playback.done
    utterances.take(Message("finished", 1, 80, 40, utterance=0))
    assert await result(one) == PlaybackResult("finished", 80, 40)
    assert not (await result(one)).interrupted
    assert not utterances


async def test_one_interrupt_ends_all_that_were_sent_each_with_its_own_figures() -> None:
    utterances = Utterances(Clock())
    one, two = sent(utterances), sent(utterances)
    assert utterances.interrupt()
    after = sent(utterances)
    assert not utterances.take(Message("interrupted", 5, 40, None, utterance=0))
    assert utterances.interrupting
    assert not utterances.take(Message("interrupted", 5, 0, 0, utterance=1))
    assert not utterances.interrupting
    assert await result(one) == PlaybackResult("interrupted", 40, None)
    assert await result(two) == PlaybackResult("interrupted", 0, 0)
    assert not after.playback.done


async def test_an_interrupt_that_drops_nothing_leaves_what_comes_after_it() -> None:
    utterances = Utterances(Clock())
    one = sent(utterances)
    utterances.interrupt()
    utterances.take(Message("finished", 0, 40, utterance=0))  # crossed with the interrupt
    assert utterances.interrupting
    after = sent(utterances)
    utterances.take(Message("interrupted", 0))
    assert not utterances.interrupting
    assert (await result(one)).reason == "finished"
    assert not after.playback.done


async def test_an_interrupt_by_a_viewer_is_told_apart() -> None:
    utterances = Utterances(Clock())
    one, two = sent(utterances), sent(utterances)
    assert utterances.take(Message("interrupted", 5, 40, utterance=0))
    assert utterances.interrupt()  # the client asks for the rest
    assert not utterances.take(Message("interrupted", 5, 0, utterance=1))  # of the viewer's interrupt, or of its own
    assert not utterances.interrupting
    after = sent(utterances)
    utterances.take(Message("interrupted", 5))  # the answer, where the viewer's had dropped all
    assert {(await result(each)).reason for each in (one, two)} == {"interrupted"}
    assert not after.playback.done


async def test_two_interrupts_with_nothing_between_them_are_one() -> None:
    utterances = Utterances(Clock())
    sent(utterances)
    assert utterances.interrupt()
    assert not utterances.interrupt()
    sent(utterances)
    assert utterances.interrupt()


async def test_messages_about_unknown_utterances_change_nothing() -> None:
    utterances = Utterances(Clock())
    one = sent(utterances)
    for state in ("started", "finished", "interrupted"):
        assert not utterances.take(Message(state, 0, utterance=7))
        if state != "interrupted":
            assert not utterances.take(Message(state, 0))
    assert not one.playback.done


async def test_what_is_lost_keeps_the_last_figures() -> None:
    utterances = Utterances(Clock())
    one = sent(utterances)
    utterances.take(Message("started", 0, 10, 5, utterance=0))
    utterances.interrupt()
    utterances.lose("connection-lost")
    assert await result(one) == PlaybackResult("connection-lost", 10, 5)
    assert (await result(one)).heard_ms == 5
    assert not utterances.interrupting


async def test_how_far_the_server_is_ahead_counts_whole_blocks_and_what_was_spoken() -> None:
    clock = Clock()
    utterances = Utterances(clock)
    sent(utterances, 1000)
    sent(utterances, 10)
    assert utterances.ahead_s == 1.04
    utterances.take(Message("started", 0, utterance=0))
    clock.now = 0.5
    assert utterances.ahead_s == pytest.approx(0.54)
    clock.now = 9.0  # it cannot have spoken more than it has
    assert utterances.ahead_s == pytest.approx(0.04)


@given(st.lists(st.sampled_from(["send", "interrupt", "viewer", "serve", "tell"]), max_size=60))
async def test_every_utterance_ends_once_whatever_crosses(steps: list[str]) -> None:
    """A server that reads and answers late: each utterance ends, and as the server says."""
    utterances, playbacks = Utterances(Clock()), list[Utterance]()
    to_server: list[str] = []
    queue, told = list[int](), list[Message]()
    truth: dict[int, str] = {}

    def drop(asked: bool) -> None:
        if asked and not queue:
            told.append(Message("interrupted", 0))
        for number in queue:
            truth[number] = "interrupted"
            told.append(Message("interrupted", 0, utterance=number))
        queue.clear()

    def serve() -> None:
        if to_server:
            message = to_server.pop(0)
            if message == "interrupt":
                drop(asked=True)
            else:
                queue.append(int(message))
        elif queue:
            truth[queue[0]] = "finished"
            told.append(Message("finished", 0, utterance=queue.pop(0)))

    def tell() -> None:
        if told and utterances.take(told.pop(0)) and utterances.interrupt():
            to_server.append("interrupt")

    for step in steps:
        if step == "send":
            playbacks.append(sent(utterances))
            to_server.append(str(len(playbacks) - 1))
        elif step == "interrupt" and utterances.interrupt():
            to_server.append("interrupt")
        elif step == "viewer" and queue:
            drop(asked=False)
        elif step == "serve":
            serve()
        elif step == "tell":
            tell()
    while to_server or queue or told:
        serve()
        tell()
    assert not utterances
    assert [(await result(each)).reason for each in playbacks] == [truth[n] for n in range(len(playbacks))]
