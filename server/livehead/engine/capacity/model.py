"""How many streams a machine can hold in real time, from what its steps were measured to take. Pure.

A stream at hop H wants one step every H · 40 ms. A batch counts where its 95th percentile leaves room within that time,
where a window may wait for such a step that began just before it, be stepped itself, and still be sent within the
preset's bound, and where it pays (:data:`~livehead.engine.scheduling.batching.PAYS`). With the batches that count, as
many streams fit as the typical steps for all of them take :data:`MARGIN` of the hop's time. The processor must bear
them too: see :data:`MEDIA_CORES`. A processor must also bear them in a slow hour: see :data:`SLOW_HOUR`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from livehead.core.block import BLOCK_S
from livehead.engine.base import Preset
from livehead.engine.scheduling.batching import PAYS

MARGIN = 0.9
"""The share of the generator's time that is given away. The rest is for portraits, joins and bad moments."""

MEDIA_CORES = 0.12
"""What a session costs beside its frames, in cores: taking in its audio, encoding 512² at 25 a second, sending.
``livehead bench latency`` shows it as the server's own processor time, 10 to 12 % of a core for each session."""

CORES_SHARE = 0.65
"""The share of the cores that is given away. Playout must be on time to a few milliseconds, and cores that are full
are late; two cores that draw a frame in 8 ms serve four sessions so."""

SLOW_HOUR = 3.0
SLOW_FRAME_S = 0.0075
"""A processor shared with others has hours in which everything takes up to three times as long, and sessions that were
let in before are not sent away. So steps on the CPU count as that long, up to the time that a frame of the preview
engine took in the worst such hour that was seen (512², two cores): one measured slower was measured in such an hour."""


@dataclass(frozen=True, slots=True)
class StepTime:
    """What a step with ``batch`` streams takes, in seconds: the median and the 95th percentile."""

    batch: int
    p50: float
    p95: float


@dataclass(frozen=True, slots=True)
class Capacity:
    """``streams`` says for each preset how many sessions fit where all are at it, at least 1.

    A session takes one part in that many of the machine, so that presets may be mixed. ``max_batch`` is the largest
    batch that counts at any preset, None where none does: a larger one would make all late that come meanwhile.
    """

    streams: Mapping[str, int]
    max_batch: int | None = None

    def load(self, sessions: Mapping[str, int]) -> Fraction:
        """The share that these take, as sessions at each preset; 1 is full."""
        return sum((Fraction(count, self.streams[preset]) for preset, count in sessions.items()), Fraction(0))

    def room(self, sessions: Mapping[str, int], preset: str) -> int:
        """How many more fit at ``preset``."""
        return max(0, int((1 - self.load(sessions)) * self.streams[preset]))


def capacity(
    presets: Mapping[str, Preset], steps: Mapping[str, Sequence[StepTime]], *, cores: float, on_cpu: bool
) -> Capacity:
    """``steps`` are the measured ones of each preset. ``on_cpu`` says that steps take one of the ``cores``.

    Nothing measured, or too slow for real time, still lets one session in: its frames come as they can.
    """
    useful = {
        name: _useful(preset, [_in_slow_hour(step, preset.hop) if on_cpu else step for step in steps.get(name, ())])
        for name, preset in presets.items()
    }
    return Capacity(
        {name: max(1, _streams(preset, useful[name], cores, on_cpu)) for name, preset in presets.items()},
        max((step.batch for counting in useful.values() for step in counting), default=None),
    )


def _in_slow_hour(step: StepTime, hop: int) -> StepTime:
    most = SLOW_FRAME_S * hop * step.batch
    slowness = max(1.0, min(SLOW_HOUR, most / step.p50)) if step.p50 else 1.0
    return StepTime(step.batch, slowness * step.p50, slowness * step.p95)


def _useful(preset: Preset, steps: Sequence[StepTime]) -> list[StepTime]:
    """The batches that count, smallest first."""
    period = preset.hop * BLOCK_S
    spare = preset.max_delay_ms / 1000 - (preset.hop + preset.lookahead) * BLOCK_S
    counting: list[StepTime] = []
    for step in sorted(steps, key=lambda step: step.batch):
        in_time = step.p95 <= MARGIN * period and 2 * step.p95 <= spare
        if in_time and all(step.p50 / step.batch <= PAYS * less.p50 / less.batch for less in counting):
            counting.append(step)
    return counting


def _streams(preset: Preset, useful: Sequence[StepTime], cores: float, on_cpu: bool) -> int:
    if not useful:
        return 0
    period = preset.hop * BLOCK_S
    least = [0.0]  # seconds for one step of each of 0, 1, … streams
    while True:
        count = len(least)
        least.append(min(step.p50 + least[max(0, count - step.batch)] for step in useful))
        busy = least[count] / period
        if busy > MARGIN or count * MEDIA_CORES + busy * on_cpu > CORES_SHARE * cores:
            return count - 1
