"""How many steps failed in a row, and whether that is the end of this worker."""

from __future__ import annotations

from livehead.engine.base import Generator, OnDevice
from livehead.engine.ipc.endpoint import Endpoint
from livehead.engine.worker.faults import describe
from livehead.errors import EngineError

HOPELESS_STEPS = 12
"""Failed steps in a row, of whatever streams, after which the generator or its device is taken for broken: the
worker ends, and the host starts a new one."""


class FailedSteps:
    """``count`` is how many."""

    def __init__(self, generator: Generator, endpoint: Endpoint) -> None:
        self._generator = generator
        self._endpoint = endpoint
        self.count = 0

    def forget(self) -> None:
        """A step did well."""
        self.count = 0

    def add(self, error: Exception) -> None:
        """One more. Raises :class:`EngineError` where the generator is taken for broken, at once where its device is
        lost: that fails every step until the process ends."""
        if isinstance(self._generator, OnDevice):
            try:
                with self._endpoint.busy():
                    self._generator.check_device()
            except Exception as lost:
                raise EngineError(f"the device is lost: {describe(lost)}") from lost
        self.count += 1
        if self.count >= HOPELESS_STEPS:
            raise EngineError(f"{self.count} steps in a row failed, the last with {describe(error)}") from error
