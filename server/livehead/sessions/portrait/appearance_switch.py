"""Changes of avatar and look in a session: one at a time, the newest choice wins."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from livehead.logs import SessionLog
from livehead.sessions.portrait.appearance import Appearance
from livehead.sessions.portrait.engine_attachment import EngineAttachment


class AppearanceSwitch:
    """Opens the chosen appearance's stream while the old one is still shown, attaches it, and retires the old one.

    ``open_`` opens a stream, ``attach`` puts it to use and returns the one before; ``fail`` is called for a choice that
    cannot be shown, where no newer one waits. At most one choice waits, so a session never has more than two streams,
    however often its client chooses.
    """

    def __init__(
        self,
        open_: Callable[[Appearance], Awaitable[EngineAttachment]],
        attach: Callable[[Appearance, EngineAttachment], EngineAttachment | None],
        fail: Callable[[], None],
        log: SessionLog,
    ) -> None:
        self._open = open_
        self._attach = attach
        self._fail = fail
        self._log = log
        self._choice: tuple[Appearance, Callable[[Exception], None]] | None = None
        self._chosen = asyncio.Event()

    def choose(self, appearance: Appearance, on_error: Callable[[Exception], None]) -> None:
        """``on_error`` is told if it cannot be shown; the old one stays then. It is told nothing of a choice that a
        newer one replaced."""
        self._choice = (appearance, on_error)
        self._chosen.set()

    async def run(self) -> None:
        """Make the changes, for ever."""
        while True:
            await self._chosen.wait()
            self._chosen.clear()
            assert self._choice is not None
            await self._switch(*self._choice)

    async def _switch(self, appearance: Appearance, on_error: Callable[[Exception], None]) -> None:
        try:
            attachment = await self._open(appearance)
        except Exception as error:  # noqa: BLE001 - the old one stays
            self._log.warning("%s cannot be shown: %s", appearance, error)
            if not self._chosen.is_set():
                self._fail()
                on_error(error)
            return
        if self._chosen.is_set():
            await attachment.close()
            return
        before = self._attach(appearance, attachment)
        if before is not None:
            await before.retire()
