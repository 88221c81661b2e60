"""The streams that are still to be opened, in the order in which their portraits became ready."""

from __future__ import annotations

from collections import deque

from livehead.engine.base import Generator
from livehead.engine.ipc.endpoint import Endpoint
from livehead.engine.ipc.messages import Open, Prepared
from livehead.engine.worker.preparer import Preparer


class Openings:
    """Portraits that take long are made ready in another thread first; :class:`Prepared` in the inbox says when one
    is. Each stream has one opening here at most. ``patient`` as in :class:`Preparer`."""

    def __init__(self, generator: Generator, endpoint: Endpoint, *, patient: bool = False) -> None:
        self._endpoint = endpoint
        self._preparer = Preparer(generator, endpoint, patient=patient)
        self._preparing: dict[int, Open] = {}
        self._ready: deque[Open] = deque()

    def __len__(self) -> int:
        """How many can be opened now."""
        return len(self._ready)

    def add(self, opening: Open) -> None:
        if self._preparer.is_needed(opening):
            self._preparing[opening.stream] = opening
            self._preparer.start(opening)
        else:
            self._ready.append(opening)

    def finish_preparing(self, message: Prepared) -> None:
        opening = message.opening
        if self._preparing.get(opening.stream) is not opening:
            return  # closed meanwhile
        del self._preparing[opening.stream]
        if message.refused is not None:
            self._endpoint.send(message.refused)
        else:
            self._ready.append(message.ready)

    def hurry(self) -> None:
        """Somebody waits for what is prepared from now on."""
        self._preparer.hurry()

    def pop(self) -> Open:
        """The next one, taken out. Raises ``IndexError`` where there is none."""
        return self._ready.popleft()

    def cancel(self, stream: int) -> None:
        """The stream was closed before it was opened. Does nothing for any other."""
        if self._preparing.pop(stream, None) is not None:
            self._preparer.cancel(stream)
        self._ready = deque(opening for opening in self._ready if opening.stream != stream)
