"""One client's share of an encoding that others may take, too."""

from __future__ import annotations

from dataclasses import dataclass

from livehead.media.rtp.tick_queue import TickQueue
from livehead.media.rtp.track import PacedTrack, RtpPayloads


@dataclass(frozen=True, slots=True)
class EncodedTick:
    """Tick ``index`` as payloads for any number of tracks. Its encoding began at the monotonic time ``at``, in seconds.
    A ``keyframe`` needs nothing that came before it."""

    index: int
    at: float
    payloads: tuple[RtpPayloads, ...]
    keyframe: bool = True


class SharedTrack(PacedTrack):
    """An outgoing track that is given what was encoded for all. What it has not sent yet waits in a queue of its own:
    a client whose socket is stuck holds up nobody else."""

    def __init__(self) -> None:
        super().__init__()
        self._queue: TickQueue[EncodedTick] = TickQueue()
        self._queue.open()

    @property
    def dropped(self) -> int:
        """Encoded ticks that this client did not get, because its socket did not take them."""
        return self._queue.dropped

    def take(self, tick: EncodedTick) -> None:
        """A tick was encoded. Returns at once; where too many wait already, the oldest is dropped."""
        self._queue.put(tick.index, tick)

    def fail(self, error: Exception) -> None:
        """Nothing can be encoded any more: ``next_payloads`` raises ``error``."""
        self._queue.end(error)

    def stop(self) -> None:
        self._queue.end()
        super().stop()
