"""Which latency preset a session asked for, has, and is on its way to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from livehead.core.latency_choice import AUTO
from livehead.core.messages.from_server import LatencyNotice
from livehead.core.recent_delays import RecentDelays
from livehead.engine.base import Preset
from livehead.sessions.pipeline import Pipeline
from livehead.sessions.request import find_preset


class SessionLatency:
    """``choice`` is what was asked for, the name of a preset or ``auto``; ``preset`` is what the session has now, and
    ``going_to`` the same, or what it is on its way to."""

    def __init__(
        self,
        choice: str,
        preset: str,
        presets: Mapping[str, Preset],
        pipeline: Pipeline,
        delays: RecentDelays,
        tell: Callable[[LatencyNotice], None],
    ) -> None:
        """``tell`` is called whenever it has another preset: when its windows change, so with a longer delay after
        that has grown, and with a shorter one before it comes down."""
        self.choice = choice
        self.preset = self.going_to = preset
        self._presets = presets
        self._pipeline = pipeline
        self._delays = delays
        self._tell = tell

    def choose(self, name: str) -> None:
        """The client asks for a preset, or for ``auto``: then the session keeps what it has, to be moved by the server.
        Raises UnprocessableError for an unknown one."""
        if name != AUTO:
            self._pipeline.set_preset(find_preset(self._presets, name), lambda: self._take(name, "client"))
            self.going_to = name
        self.choice = name

    def move_to(self, name: str) -> None:
        """The server gives the session another preset. Nothing happens where it has that, or is on its way to it.
        Raises UnprocessableError for an unknown one."""
        if name != self.going_to:
            preset = find_preset(self._presets, name)
            self.going_to = name
            self._pipeline.move_to(preset, lambda: self._take(name, "server"))

    def block_sent(self, k: int, delay_ms: float) -> None:
        """Block ``k`` was sent after so many milliseconds. That is noted as what blocks wait with this preset, but for
        those of a move, and for those before the first audio."""
        if k >= 0 and self._pipeline.settled(k):
            self._delays.note(self.preset, delay_ms)

    def _take(self, name: str, by: Literal["server", "client"]) -> None:
        if name != self.preset:
            self.preset = name
            self._tell(LatencyNotice(name, by))
