"""Makes portraits ready in a thread of its own, so that live streams do not wait for it."""

from __future__ import annotations

import threading

from livehead.engine.base import Preparing
from livehead.engine.ipc.endpoint import Endpoint
from livehead.engine.ipc.message_queue import MessageQueue
from livehead.engine.ipc.messages import Close, Open, Prepared
from livehead.engine.worker.faults import refusal


class Preparer:
    """One portrait after the other; each is answered with :class:`Prepared` in the endpoint's inbox. An opening that is
    cancelled while it waits is forgotten, so that never more wait than there are streams."""

    def __init__(self, generator: Preparing, endpoint: Endpoint) -> None:
        self._generator = generator
        self._endpoint = endpoint
        self._orders = MessageQueue(0)
        threading.Thread(target=self._run, name="prepare", daemon=True).start()

    def start(self, opening: Open) -> None:
        self._orders.put(opening)

    def cancel(self, stream: int) -> None:
        """Leave out the stream's portrait, unless it is under way already."""
        self._orders.put(Close(stream))

    def _run(self) -> None:
        while True:
            opening = self._orders.get()
            if not isinstance(opening, Open):
                continue  # cancelled too late
            refused = None
            try:
                with self._endpoint.busy():
                    self._generator.prepare(opening.portrait)
            except Exception as error:  # noqa: BLE001 - any generator, any error; the host is told
                refused = refusal(opening, error)
            self._endpoint.inbox.put(Prepared(opening, refused))
