"""All viewers of one session, and the tasks that serve them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

from livehead.errors import ConflictError, NotFoundError
from livehead.sessions.viewers.viewer import Viewer


class Audience:
    """Viewers join at any time, and leave without harm to the others; at most ``most`` of them at once, counting
    those that are being answered. ``on_left`` is called when one has ended. ``unviewed_since`` is the monotonic time
    in seconds since which there are none, None while there are some.
    """

    def __init__(self, most: int, on_left: Callable[[Viewer], None]) -> None:
        self.close_failures = 0
        self.unviewed_since: float | None = time.monotonic()
        self._most = most
        self._on_left = on_left
        self._viewers: dict[str, Viewer] = {}
        self._answering = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def __iter__(self) -> Iterator[Viewer]:
        return iter(tuple(self._viewers.values()))

    def __len__(self) -> int:
        return len(self._viewers)

    def find(self, viewer_id: str) -> Viewer:
        """Raises NotFoundError for one that is not there, or not any more."""
        viewer = self._viewers.get(viewer_id)
        if viewer is None:
            raise NotFoundError("There is no such viewer; it may have left. POST to /whep/{session} to join again.")
        return viewer

    async def join(self, viewer: Viewer, offer: str) -> str:
        """Answer a viewer's offer, and serve it from then on. Raises what :meth:`Viewer.open` raises, ConflictError
        where there are enough viewers, and NotFoundError where the session has ended meanwhile."""
        if len(self._viewers) + self._answering >= self._most:
            await viewer.peer.close()
            raise ConflictError(
                f"This session has {self._most} viewers, the most it may have. Try again when one has left.",
                problem="too-many-viewers",
            )
        self._answering += 1
        try:
            answer = await viewer.open(offer)
        finally:
            self._answering -= 1
        if self._closed:
            await viewer.peer.close()
            raise NotFoundError("This session has ended.")
        self._viewers[viewer.id] = viewer
        self.unviewed_since = None
        task = asyncio.create_task(self._serve(viewer), name=f"viewer-{viewer.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return answer

    async def close(self, reason: str) -> None:
        """End them all. Twice is once."""
        self._closed = True
        for viewer in self._viewers.values():
            viewer.end(reason)
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _serve(self, viewer: Viewer) -> None:
        try:
            await viewer.run()
        finally:
            self.close_failures += viewer.peer.close_failures
            del self._viewers[viewer.id]
            if not self._viewers:
                self.unviewed_since = time.monotonic()
            self._on_left(viewer)
