"""What is known of a replay file once it was read from end to end, and nothing rendered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from livehead.core.block import FPS
from livehead.errors import MediaError
from livehead.replay.events import Interrupted, Made, Opened, Reopened, Sent, Submitted
from livehead.replay.reader import ReplayFile
from livehead.replay.waiting import Waiting

MAX_TICKS = 24 * 3600 * FPS
"""A film of a day."""


@dataclass(slots=True)
class Overview:
    """``ticks`` is how long the session was sent, in blocks. ``made`` has the blocks of which there are frames, and how
    many ``steps`` were made before each; ``reopened`` counts the times that the engine began anew."""

    ticks: int = 0
    made: dict[int, int] = field(default_factory=dict)
    steps: int = 0
    given_up: int = 0
    interrupts: int = 0
    reopened: int = 0
    avatars: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, file: ReplayFile) -> Self:
        """Raises :class:`~livehead.errors.MediaError` where the file is damaged, too long, or has nothing in it."""
        found = cls()
        hops: Waiting[int] = Waiting()
        first: int | None = None
        submitted = made = 0
        for event in file.events():
            match event:
                case Sent():
                    first = event.index if first is None else first
                    found.ticks = event.index + 1 - first
                case Submitted():
                    hops.add(event.stream, event.window.k, event.window.hop)
                    submitted += 1
                case Made():
                    end = event.k
                    for _ in range(event.windows):
                        end += hops.take(event.stream, end, older=event.older) or 0
                    made += event.windows
                    found.made.update((k, found.steps) for k in range(event.k, end))
                    found.steps += 1
                case Opened() if event.avatar not in found.avatars:
                    found.avatars.append(event.avatar)
                case Interrupted():
                    found.interrupts += 1
                case Reopened():
                    found.reopened += 1
            if max(found.ticks, len(found.made)) > MAX_TICKS:
                raise MediaError(f"{file.name} is longer than a day, and cannot be replayed.")
        found.given_up = submitted - made
        if not found.ticks or not found.avatars:
            raise MediaError(f"{file.name} has nothing to be shown: the session ended before its first frame.")
        return found
