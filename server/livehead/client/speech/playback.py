"""What becomes of one utterance that was given to a portrait."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Literal, TypeAlias

Reason: TypeAlias = Literal["finished", "interrupted", "connection-lost", "session-ended"]


@dataclass(frozen=True, slots=True)
class PlaybackResult:
    """How an utterance ended.

    ``spoken_ms``: how much of it was sent to the viewers, in milliseconds of its audio. ``shown_ms``: how much of it a
    viewer's screen has presented, None where no viewer reports that. Both are the last figures that the server told:
    after ``connection-lost`` and ``session-ended`` more may have been spoken.
    """

    reason: Reason
    spoken_ms: int
    shown_ms: int | None

    @property
    def interrupted(self) -> bool:
        """Whether it was not spoken to its end."""
        return self.reason != "finished"

    @property
    def heard_ms(self) -> int:
        """How much the user can have heard, as far as is known: ``shown_ms``, else ``spoken_ms``."""
        return self.spoken_ms if self.shown_ms is None else self.shown_ms


class Playback:
    """One utterance on its way. Made by :meth:`~livehead.client.session.Session.speak`."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self._started: asyncio.Future[None] = loop.create_future()
        self._finished: asyncio.Future[PlaybackResult] = loop.create_future()

    @property
    def done(self) -> bool:
        return self._finished.done()

    async def started(self) -> None:
        """Wait until its first block was sent to the viewers, or it ended before."""
        await asyncio.shield(self._started)

    async def finished(self) -> PlaybackResult:
        """Wait until it was spoken to its end or cut short. May be awaited by several tasks, and cancelled.

        Raises what the iterator that gave the samples raised: what came before is still spoken.
        """
        return await asyncio.shield(self._finished)

    def start(self) -> None:
        """For the session: the first block was sent."""
        if not self._started.done():
            self._started.set_result(None)

    def finish(self, result: PlaybackResult) -> None:
        """For the session: it ended. Only the first of :meth:`finish` and :meth:`fail` counts."""
        if not self._finished.done():
            self._finished.set_result(result)
            self.start()

    def fail(self, error: Exception) -> None:
        """For the session: it ended, as its samples could not be had, or be sent."""
        if not self._finished.done():
            self._finished.set_exception(error)
            self._finished.exception()  # where nobody waits, the event loop does not complain
            self.start()
