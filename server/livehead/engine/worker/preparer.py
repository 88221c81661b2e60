"""Makes portraits ready in a thread of its own, so that those who watch already need not wait for it."""

from __future__ import annotations

import threading
from queue import SimpleQueue

from livehead.engine.base import Preparing
from livehead.engine.ipc.endpoint import Endpoint
from livehead.engine.ipc.messages import Open, Prepared
from livehead.engine.worker.faults import refusal


class Preparer:
    """One portrait after the other; each is answered with :class:`Prepared` in the link's inbox."""

    def __init__(self, generator: Preparing, link: Endpoint) -> None:
        self._generator = generator
        self._link = link
        self._orders: SimpleQueue[Open] = SimpleQueue()
        threading.Thread(target=self._run, name="prepare", daemon=True).start()

    def start(self, opening: Open) -> None:
        self._orders.put(opening)

    def _run(self) -> None:
        while True:
            opening = self._orders.get()
            refused = None
            try:
                with self._link.busy():
                    self._generator.prepare(opening.portrait)
            except Exception as error:  # noqa: BLE001 - any generator, any error; the host is told
                refused = refusal(opening, error)
            self._link.inbox.put(Prepared(opening, refused))
