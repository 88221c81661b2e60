"""Changes of avatar in a session: one at a time, the newest choice wins."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from livehead.logs import SessionLog
from livehead.sessions.portrait.engine_attachment import EngineAttachment


class AvatarSwitch:
    """Opens the chosen avatar's stream while the old avatar is still shown, attaches it, and retires the old one.

    ``open_`` opens a stream, ``attach`` puts it to use and returns the one before. At most one choice waits, so a
    session never has more than two streams, however often its client chooses.
    """

    def __init__(
        self,
        open_: Callable[[str], Awaitable[EngineAttachment]],
        attach: Callable[[str, EngineAttachment], EngineAttachment | None],
        log: SessionLog,
    ) -> None:
        self._open = open_
        self._attach = attach
        self._log = log
        self._choice: tuple[str, Callable[[Exception], None]] | None = None
        self._chosen = asyncio.Event()

    def choose(self, avatar: str, on_error: Callable[[Exception], None]) -> None:
        """``on_error`` is told if the avatar cannot be used; the old one stays then. It is told nothing of a choice
        that a newer one replaced."""
        self._choice = (avatar, on_error)
        self._chosen.set()

    async def run(self) -> None:
        """Make the changes, for ever."""
        while True:
            await self._chosen.wait()
            self._chosen.clear()
            assert self._choice is not None
            await self._switch(*self._choice)

    async def _switch(self, avatar: str, on_error: Callable[[Exception], None]) -> None:
        try:
            attachment = await self._open(avatar)
        except Exception as error:  # noqa: BLE001 - the old avatar stays
            self._log.warning("avatar %s cannot be shown: %s", avatar, error)
            if not self._chosen.is_set():
                on_error(error)
            return
        if self._chosen.is_set():
            await attachment.close()
            return
        before = self._attach(avatar, attachment)
        if before is not None:
            await before.retire()
