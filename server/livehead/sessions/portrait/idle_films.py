"""Portraits that breathe before there is a call: a short film of each, made once by the engine."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from livehead.avatars import AvatarStore
from livehead.background_task import BackgroundTask
from livehead.core.block import BLOCK_SAMPLES, FPS
from livehead.core.frame import Frame
from livehead.core.windows import Window, Windows
from livehead.engine.host.host import EngineHost, WindowTiming
from livehead.errors import EngineDownError, LiveheadError, NotFoundError
from livehead.media.video.idle_film import encode_idle_film
from livehead.media.video.provenance import synthetic_tags

logger = logging.getLogger(__name__)

T = TypeVar("T")

FRAMES = 58
"""That are made of a portrait in silence: enough for a breath and a blink."""

LENGTH = 6 * FPS
"""Pictures of the film, in which the frames go there and back."""

KEPT = 64
"""Films in memory, of 120 kB at most; what was asked for longest ago is forgotten."""

WAITING = 16
"""Portraits that wait to be filmed; the oldest is dropped, and asked for again."""

PATIENCE_S = 20.0
"""For the frames of one window: live sessions come first."""

PAUSE_S = 0.5
"""Between two looks whether calls are up."""


class IdleFilms(BackgroundTask):
    """An async context manager that owns the task in which they are made, one at a time. None is begun while ``busy``
    is true, as opening a portrait may hold up a call; once it is open, the engine puts every call before it.

    A film is made when it is asked for the first time.
    """

    TASK = "idle-films"

    def __init__(self, host: EngineHost, avatars: AvatarStore, busy: Callable[[], bool]) -> None:
        self._host = host
        self._avatars = avatars
        self._busy = busy
        self._films: OrderedDict[str, bytes] = OrderedDict()
        self._failed: OrderedDict[str, str] = OrderedDict()
        self._wanted: OrderedDict[str, str] = OrderedDict()  # id → owner
        self._asked = asyncio.Event()

    def get(self, avatar_id: str, owner: str = "") -> bytes | None:
        """An MP4; None where it is yet to be made, which it will be.

        Raises :class:`~livehead.errors.NotFoundError` for an avatar that is not there, or that cannot be animated.
        """
        avatar = self._avatars.get(avatar_id, owner)
        if reason := self._failed.get(avatar.id):
            raise NotFoundError(f"There is no film of this portrait: {reason}")
        if film := self._films.get(avatar.id):
            self._films.move_to_end(avatar.id)
            return film
        self._wanted.setdefault(avatar.id, owner)
        if len(self._wanted) > WAITING:
            self._wanted.popitem(last=False)
        self._asked.set()
        return None

    def forget(self, avatar_id: str) -> None:
        """Let go of the film of an avatar that was deleted."""
        for each in (self._films, self._failed, self._wanted):
            each.pop(avatar_id, None)

    async def _run(self) -> None:
        while True:
            await self._asked.wait()
            while self._wanted:
                await self._quiet()
                if self._wanted:
                    await self._make(*self._wanted.popitem(last=False))
            self._asked.clear()

    async def _quiet(self) -> None:
        while self._busy() or self._host.state != "ready":  # noqa: ASYNC110 - twice a second is plenty
            await asyncio.sleep(PAUSE_S)

    async def _make(self, avatar_id: str, owner: str) -> None:
        try:
            frames = await self._frames(avatar_id, owner)
            tags = synthetic_tags(self._host.info.name, self._host.info.variant, avatar_id)
            film = await asyncio.to_thread(encode_idle_film, frames, LENGTH, tags)
        except (EngineDownError, TimeoutError):
            return  # it may be asked for again
        except LiveheadError as error:
            _remember(self._failed, avatar_id, str(error))
        except Exception:
            logger.exception("the portrait %s was not filmed", avatar_id)
            _remember(self._failed, avatar_id, "it could not be made; the server's log says why.")
        else:
            _remember(self._films, avatar_id, film)

    async def _frames(self, avatar_id: str, owner: str) -> list[Frame]:
        """What the engine makes of the portrait in silence.

        Raises what :meth:`EngineHost.open` raises, NotFoundError where the portrait is gone, and TimeoutError where
        live sessions leave no time.
        """
        portrait = await self._avatars.portrait(avatar_id, owner)
        answers: asyncio.Queue[list[Frame]] = asyncio.Queue()

        def made(k: int, frames: list[Frame], timing: WindowTiming) -> None:
            answers.put_nowait(frames)

        def dropped(k: int, hop: int) -> None:
            answers.put_nowait([])

        stream = await self._host.open(portrait, 0, made, on_dropped=dropped, background=True)
        try:
            frames: list[Frame] = []
            for window in self._windows():
                if not stream.submit(window, time.monotonic() + PATIENCE_S):
                    raise EngineDownError("the engine went down")
                answer = await asyncio.wait_for(answers.get(), PATIENCE_S)
                if not answer:
                    raise TimeoutError
                frames += answer
            return frames[:FRAMES]
        finally:
            await stream.close()

    def _windows(self) -> list[Window]:
        """Of silence, for all frames."""
        presets = self._host.info.presets
        preset = max(presets.values(), key=lambda each: each.hop)  # the most frames for each step
        silence = np.zeros((FRAMES + preset.hop + preset.lookahead) * BLOCK_SAMPLES, np.float32)
        windows = Windows(preset.hop, preset.lookahead).push(0, silence).windows
        return list(windows[: -(-FRAMES // preset.hop)])


def _remember(kept: OrderedDict[str, T], avatar_id: str, value: T) -> None:
    kept[avatar_id] = value
    if len(kept) > KEPT:
        kept.popitem(last=False)
