"""A second worker, loaded and with the same streams open, for the moment when the one in use is lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from livehead.engine.host.worker_life import WorkerLife

logger = logging.getLogger(__name__)

LOOK_S = 0.25
"""How often it is looked whether the worker in use has been well for long enough."""

ROOM_S = 60.0
"""How often it is looked whether there is room by now."""


class Reserve:
    """:meth:`run` keeps one until it is cancelled; whoever began a life ends it.

    ``begin`` starts a worker. That waits until it is ``calm``: the worker in use has been well for long enough. Then
    ``room``, which is called in a thread, says whether there is any for a second one. One that is lost in reserve is
    replaced, with a longer ``backoff`` each time in a row, and nobody else notices.
    """

    def __init__(
        self,
        begin: Callable[[], WorkerLife],
        *,
        calm: Callable[[], bool],
        room: Callable[[], bool],
        backoff: Sequence[float],
    ) -> None:
        self.life: WorkerLife | None = None
        self._begin = begin
        self._calm = calm
        self._room = room
        self._backoff = tuple(backoff)
        self._taken = asyncio.Event()

    @property
    def ready(self) -> bool:
        """Whether it could take over now."""
        return self.life is not None and self.life.ready is not None and not self.life.gone.is_set()

    def take(self) -> WorkerLife | None:
        """The worker, loaded or still loading, which is not in reserve any more. None where there is none."""
        life, self.life = self.life, None
        if life is None or life.gone.is_set():
            return None
        self._taken.set()
        return life

    async def run(self) -> None:
        losses = 0
        while True:
            await self._until_there_is_room()
            self._taken.clear()
            life = self.life = self._begin()
            if await self._is_taken(life):
                losses = 0
                continue
            self.life = None
            losses += 1
            pause = self._backoff[min(losses, len(self._backoff)) - 1]
            logger.warning("the worker in reserve is lost: %s; another one in %.1f s", await life.lost, pause)
            await asyncio.sleep(pause)

    async def _until_there_is_room(self) -> None:
        while True:
            while not self._calm():  # noqa: ASYNC110 - a few times a second is plenty
                await asyncio.sleep(LOOK_S)
            if await asyncio.to_thread(self._room):
                if self._calm():
                    return
            else:
                await asyncio.sleep(ROOM_S)

    async def _is_taken(self, life: WorkerLife) -> bool:
        """Waits for what comes first: it is taken, or lost."""
        waits = [asyncio.create_task(event.wait()) for event in (self._taken, life.gone)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return self._taken.is_set()
