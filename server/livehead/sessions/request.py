"""What a client asks for when it opens a session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from livehead.core.latency_choice import AUTO
from livehead.core.look import KEEP, Look
from livehead.core.record_mode import RecordMode
from livehead.core.source_name import SourceName
from livehead.engine.base import Preset
from livehead.errors import UnprocessableError
from livehead.media.peer.channel import LABEL

InterruptMode: TypeAlias = Literal["off", "auto"]


@dataclass(frozen=True, slots=True)
class SessionRequest:
    """``latency`` is the name of a preset, or ``auto``. ``seed`` None takes a random one; ``voice`` None sends pushed
    speech back to the caller, and the microphone not. With ``interrupt`` ``auto`` a viewer who begins to speak
    interrupts the portrait. ``record`` keeps a film of the session, or what it takes to render it again. ``channel`` is
    the name of the caller's data channel; under another than ours another protocol is spoken. ``sees`` says that the
    caller must take the video; a WHIP publisher need not.
    """

    avatar: str
    latency: str
    voice: bool | None = None
    source: SourceName = "mic"
    probe: bool = False
    seed: int | None = None
    interrupt: InterruptMode = "off"
    record: RecordMode = "off"
    look: Look = KEEP
    channel: str = LABEL
    sees: bool = True

    @property
    def pushed(self) -> bool:
        return self.source == "push"

    @property
    def speaks(self) -> bool:
        return self.pushed if self.voice is None else self.voice


def find_preset(presets: Mapping[str, Preset], name: str) -> Preset:
    """Raises UnprocessableError for an unknown latency preset."""
    if name not in presets:
        raise UnprocessableError(
            f"There is no latency preset {name[:40]!r}; there are {', '.join(presets)}, and {AUTO}: the server chooses."
        )
    return presets[name]
