"""How fast the server answers /healthz, as :mod:`livehead.bench.attack.prober` asks for it."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from livehead.bench.attack.child import Child

EVERY_S = 0.05
"""Between the beginnings of two probes."""

PATIENCE_S = 5.0
"""A probe that is not answered within so long has failed."""

REPORT_S = 0.5


@dataclass(frozen=True, slots=True)
class Probe:
    """``sent`` is monotonic seconds; ``ms`` how long the answer 200 took, infinite for a failure."""

    sent: float
    ms: float


@dataclass(frozen=True, slots=True)
class Health:
    """Of the probes of a phase; ``p50_ms`` and ``p99_ms`` are None where failures reach so far down."""

    probes: int
    failed: int
    p50_ms: float | None
    p99_ms: float | None

    @classmethod
    def of(cls, probes: Sequence[Probe]) -> Health:
        times = sorted(probe.ms for probe in probes)

        def at(share: float) -> float | None:
            place = times[min(len(times) - 1, int(share * len(times)))] if times else math.inf
            return round(place, 1) if math.isfinite(place) else None

        return cls(len(times), sum(map(math.isinf, times)), at(0.50), at(0.99))


class HealthRecord:
    """Our side: what the process has told so far. Nothing is read but by :meth:`refresh`."""

    def __init__(self, process: Child) -> None:
        self._process = process
        self._probes: list[Probe] = []
        self.answered = time.monotonic()
        """When the last probe that succeeded had its answer."""

    def refresh(self) -> None:
        while (told := self._process.receive(0)) is not None:
            for probe in told:
                self._probes.append(probe)
                if math.isfinite(probe.ms):
                    self.answered = max(self.answered, probe.sent + probe.ms / 1000)

    def between(self, begins: float, ends: float) -> list[Probe]:
        """Those that began then. Blocks until they are over."""
        over = ends + PATIENCE_S + 2 * REPORT_S
        while True:
            self.refresh()
            found = [probe for probe in self._probes if begins <= probe.sent < ends]
            if len(found) >= (ends - begins) / EVERY_S - 1 or time.monotonic() > over:
                return found
            time.sleep(REPORT_S)
