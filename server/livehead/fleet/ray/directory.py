"""The directory of replicas as an ingress on Ray has it: a copy of the shared one."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from ray.exceptions import RayError

from livehead.fleet.directory import MemoryDirectory, Replica
from livehead.fleet.ray.link import DirectoryLink
from livehead.fleet.ray.shared_directory import View
from livehead.fleet.reading import Reading

PERIOD_S = 0.25
"""How often the copy is renewed."""

MISSING_S = 10.0
"""How long a replica is kept that the shared directory does not name, from the first time that it did not: one that has
started anew learns of all of them again."""

logger = logging.getLogger(__name__)


class CopiedDirectory:
    """Answers from memory. :meth:`follow` keeps it up to date; while the shared one cannot be reached it stays as it
    is, and sessions are found as before."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._copy = MemoryDirectory()
        self._clock = clock
        self._missing: dict[str, float] = {}

    def replicas(self) -> Sequence[Replica]:
        return self._copy.replicas()

    def find(self, name: str) -> Replica | None:
        return self._copy.find(name)

    def record(self, name: str, reading: Reading | None) -> None:
        self._copy.record(name, reading)

    def renew(self, view: View) -> None:
        """Take over what the shared directory says."""
        now = self._clock()
        for each in view.replicas:
            self._missing.pop(each.name, None)
            if self._copy.find(each.name) is None:
                self._copy.add(each.name, each.url, each.state)
            else:
                self._copy.change(each.name, each.state)
        named = {each.name for each in view.replicas}
        for name in [each.name for each in self._copy.replicas() if each.name not in named]:
            since = self._missing.setdefault(name, now)
            if name in view.gone or now - since > MISSING_S:
                del self._missing[name]
                self._copy.remove(name)

    async def follow(self, link: DirectoryLink) -> None:
        """Until it is cancelled."""
        reached = True
        while True:
            try:
                self.renew(await link.view())
                reached = True
            except RayError as error:
                if reached:
                    logger.warning("the fleet's directory cannot be reached, and is started anew: %s", error)
                reached = False
            await asyncio.sleep(PERIOD_S)
