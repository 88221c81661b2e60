"""Makes portraits ready in a thread of its own, so that live streams do not wait for it."""

from __future__ import annotations

import os
import queue
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from typing import cast

from livehead.engine.base import BackdropGenerator, Generator, Preparing
from livehead.engine.ipc.endpoint import Endpoint
from livehead.engine.ipc.message_queue import MessageQueue
from livehead.engine.ipc.messages import Close, Open, Prepared
from livehead.engine.look import compose, composes
from livehead.engine.worker.faults import refusal


def give_way() -> None:
    """This thread takes processor time only where no other wants it. It cannot be taken back. Only Linux knows
    priorities of threads: elsewhere nothing happens."""
    if sys.platform == "linux":
        os.nice(19)


class Preparer:
    """One portrait after the other; each is answered with :class:`Prepared` in the endpoint's inbox. An opening that is
    cancelled while it waits is forgotten, so that never more wait than there are streams. A backdrop that the generator
    cannot do is composed into the portrait here.

    A ``patient`` one takes processor time that nobody else wants, until it is told to :meth:`hurry`."""

    def __init__(self, generator: Generator, endpoint: Endpoint, *, patient: bool = False) -> None:
        self._generator = generator
        self._endpoint = endpoint
        self._patient = patient
        self._orders = MessageQueue(0)
        self._start_thread()

    def hurry(self) -> None:
        """Live streams wait for this from now on. Twice is once."""
        if self._patient:
            self._patient = False
            orders, self._orders = self._orders, MessageQueue(0)
            self._start_thread()
            with suppress(queue.Empty):
                while (message := orders.get(block=False)) is not None:
                    self._orders.put(message)
            orders.close()  # the patient thread ends after what it has under way

    def _start_thread(self) -> None:
        threading.Thread(target=self._run, args=(self._orders, self._patient), name="prepare", daemon=True).start()

    def is_needed(self, opening: Open) -> bool:
        """Whether there is anything to do for it."""
        return isinstance(self._generator, Preparing) or composes(self._generator.info, opening.backdrop)

    def start(self, opening: Open) -> None:
        self._orders.put(opening)

    def cancel(self, stream: int) -> None:
        """Leave out the stream's portrait, unless it is under way already."""
        self._orders.put(Close(stream))

    def _run(self, orders: MessageQueue, patient: bool) -> None:
        if patient:
            give_way()
        while (opening := orders.get()) is not None:
            if not isinstance(opening, Open):
                continue  # cancelled too late
            ready, refused = opening, None
            try:
                with self._endpoint.busy():
                    ready = self._prepare(opening)
            except Exception as error:  # noqa: BLE001 - any generator, any error; the host is told
                refused = refusal(opening, error)
            self._endpoint.inbox.put(Prepared(opening, ready, refused))

    def _prepare(self, opening: Open) -> Open:
        """What is to be opened in place of ``opening``."""
        if opening.backdrop is not None and composes(self._generator.info, opening.backdrop):
            opening = replace(opening, portrait=compose(opening.portrait, opening.backdrop), backdrop=None)
        if opening.backdrop is not None:
            cast(BackdropGenerator, self._generator).prepare(opening.portrait, backdrop=opening.backdrop)
        elif isinstance(self._generator, Preparing):
            self._generator.prepare(opening.portrait)
        return opening
