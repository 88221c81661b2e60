"""Which utterances the server has, and what its messages say of them. Pure: no event loop, no socket."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field

from livehead.client.speech.playback import Playback, PlaybackResult, Reason
from livehead.core.block import BLOCK_MS
from livehead.core.messages.from_server import Playback as PlaybackMessage


@dataclass(eq=False)
class Utterance:
    """One utterance. ``number`` counts those of one connection from 0, None while nothing of it was sent."""

    playback: Playback
    samples: AsyncGenerator[bytes]
    rate: int
    number: int | None = None
    sent_ms: float = 0.0
    started_at: float | None = None
    spoken_ms: int = 0
    shown_ms: int | None = None

    def end(self, reason: Reason) -> None:
        self.playback.finish(PlaybackResult(reason, self.spoken_ms, self.shown_ms))


@dataclass
class _Interrupt:
    """One that was sent. Utterances with a number below ``before`` end with it; ``told`` once one of them has."""

    before: int
    told: bool = False


@dataclass
class Utterances:
    """Those that one connection has sent and that have not ended, the oldest first.

    The server names utterances by their number on the connection. It answers an interrupt with one ``interrupted`` for
    each that is dropped, or with one that names none where there was nothing to drop. ``interrupted`` also comes
    uncalled, when a viewer interrupts.
    """

    clock: Callable[[], float]
    _sent: deque[Utterance] = field(default_factory=deque)
    _interrupts: deque[_Interrupt] = field(default_factory=deque)
    _next: int = 0

    def __bool__(self) -> bool:
        return bool(self._sent)

    def __len__(self) -> int:
        return len(self._sent)

    @property
    def interrupting(self) -> bool:
        """Whether an interrupt waits for its answer."""
        return bool(self._interrupts)

    @property
    def ahead_s(self) -> float:
        """Seconds of speech that the server has and has not spoken, at least; each utterance takes whole blocks."""
        if not self._sent:
            return 0.0
        total = sum(-(-each.sent_ms // BLOCK_MS) * BLOCK_MS for each in self._sent) / 1000
        head = self._sent[0]
        if head.started_at is None:
            return total
        return total - min(self.clock() - head.started_at, head.sent_ms / 1000)

    def add(self, utterance: Utterance, data: bytes) -> None:
        """``data`` is about to be sent."""
        if utterance.number is None:
            utterance.number = self._next
            self._next += 1
            self._sent.append(utterance)
        utterance.sent_ms += len(data) / 2 / utterance.rate * 1000

    def interrupt(self) -> bool:
        """An interrupt is to be sent. False where one was, and nothing since: then this one need not be."""
        if self._interrupts and self._interrupts[-1].before == self._next:
            return False
        self._interrupts.append(_Interrupt(self._next))
        return True

    def take(self, message: PlaybackMessage) -> bool:
        """What the server says. Whether an utterance was interrupted that was not to be, which may have left others."""
        if message.state == "interrupted":
            return self._interrupted(message)
        utterance = self._find(message.utterance)
        if utterance is None:
            return False
        _note(utterance, message)
        if utterance.started_at is None:
            utterance.started_at = self.clock()
            utterance.playback.start()
        if message.state == "finished":
            self._end(utterance, "finished")
        return False

    def lose(self, reason: Reason) -> None:
        """The connection is gone, and with it what would be told: all end."""
        while self._sent:
            self._sent.popleft().end(reason)
        self._interrupts.clear()

    def _interrupted(self, message: PlaybackMessage) -> bool:
        number = message.utterance
        if number is None:
            if self._interrupts:
                self._end_before(self._interrupts.popleft().before)
            return False
        utterance = self._find(number)
        if utterance is not None:
            _note(utterance, message)
            self._end(utterance, "interrupted")
        called = [each for each in self._interrupts if number < each.before]
        for each in called:
            each.told = True
        while self._interrupts and self._interrupts[0].told and not self._before(self._interrupts[0].before):
            self._interrupts.popleft()
        return utterance is not None and not called

    def _find(self, number: int | None) -> Utterance | None:
        return next((each for each in self._sent if each.number == number), None)

    def _before(self, number: int) -> list[Utterance]:
        return [each for each in self._sent if each.number is not None and each.number < number]

    def _end_before(self, number: int) -> None:
        for each in self._before(number):
            self._end(each, "interrupted")

    def _end(self, utterance: Utterance, reason: Reason) -> None:
        self._sent.remove(utterance)
        utterance.end(reason)


def _note(utterance: Utterance, message: PlaybackMessage) -> None:
    utterance.spoken_ms = max(utterance.spoken_ms, message.spoken_ms)
    if message.shown_ms is not None:
        utterance.shown_ms = max(utterance.shown_ms or 0, message.shown_ms)
