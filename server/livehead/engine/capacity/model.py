"""How many streams a machine can hold in real time, from what its steps were measured to take. Pure.

A stream at hop H wants one step every H · 40 ms. A batch counts where its 95th percentile leaves room within that time,
where a window may wait for such a step that began just before it, be stepped itself, and still be sent within the
preset's bound, and where it pays (:data:`~livehead.engine.scheduling.batching.PAYS`). With the batches that count, as
many streams fit as the typical steps for all of them take :data:`MARGIN` of the hop's time. The processor must bear
them too: see :data:`MEDIA_CORES`.

**Who is let in.** Streams speak :data:`SPEECH_SHARE` of the time, and in between they take what silence takes, where a
generator makes that in windows of its own. So more are let in than could all speak at once at their preset, and never
more than could all speak at once at the one that takes least: what comes to be late is stepped in longer hops, so that
load becomes delay. On a processor, where a frame costs the same in any window, all that are let in may speak at once.
It must bear them in a slow hour, too, as they usually speak: see :data:`SLOW_HOUR`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from livehead.core.block import BLOCK_S
from livehead.core.governor.costs import Costs
from livehead.engine.base import Preset
from livehead.engine.scheduling.batching import PAYS

MARGIN = 0.9
"""The share of the generator's time that is given away. The rest is for portraits, joins and bad moments."""

SPEECH_SHARE = 0.385
"""The share of a call in which one of two people speaks: 38.5 % in the artificial conversations of ITU-T P.59, which
are made like real ones."""

MEDIA_CORES = 0.12
"""What a session costs beside its frames, in cores: taking in its audio, encoding 512² at 25 a second, sending.
``livehead bench latency`` shows it as the server's own processor time, 10 to 12 % of a core for each session."""

SILENT_MEDIA_CORES = 0.093
"""The same while nobody speaks: 0.78 of that, measured in turns on one machine."""

CORES_SHARE = 0.75
"""The share of the cores that is given away. Playout must be on time to a few milliseconds, and cores that are full
are late. Two cores that draw a frame in 8 ms serve four sessions so that all speak; six that speak 40 % of the time
took 1.2 of two cores in a usual hour, and each had 25 frames a second."""

NO_BOUND_MS = 60_000
"""Silence is made ahead of time."""

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

    def slowed(self, times: float) -> StepTime:
        return StepTime(self.batch, times * self.p50, times * self.p95)


@dataclass(frozen=True, slots=True)
class Silence:
    """What was measured of windows of known silence, of ``hop`` frames each."""

    hop: int
    steps: Sequence[StepTime]

    def slowed(self, times: float) -> Silence:
        return Silence(self.hop, [step.slowed(times) for step in self.steps])


@dataclass(frozen=True, slots=True)
class Capacity:
    """``streams`` says for each preset how many sessions fit where all are at it and take turns to speak, at least 1;
    ``talking`` how many where all speak at once.

    A session takes one part in ``streams`` of the machine, so that presets may be mixed. ``costs`` are the shares that
    it takes while it speaks and while it is silent, None where that is not known. ``max_batch`` is the largest batch
    that counts at any preset, None where none does: a larger one would make all late that come meanwhile.
    """

    streams: Mapping[str, int]
    max_batch: int | None = None
    talking: Mapping[str, int] = field(default_factory=dict)
    costs: Costs | None = None

    @property
    def cheapest(self) -> str:
        """The preset at which most fit."""
        return max(self.streams, key=lambda preset: self.streams[preset])

    def load(self, sessions: Mapping[str, int]) -> Fraction:
        """The share that these take, as sessions at each preset; 1 is full."""
        return sum((Fraction(count, self.streams[preset]) for preset, count in sessions.items()), Fraction(0))

    def room(self, sessions: Mapping[str, int], preset: str) -> int:
        """How many more fit at ``preset``."""
        return max(0, int((1 - self.load(sessions)) * self.streams[preset]))


def capacity(
    presets: Mapping[str, Preset],
    steps: Mapping[str, Sequence[StepTime]],
    *,
    cores: float,
    on_cpu: bool,
    silence: Silence | None = None,
) -> Capacity:
    """``steps`` are the measured ones of each preset. ``on_cpu`` says that steps take one of the ``cores``. Without a
    ``silence`` a silent stream takes what one that speaks takes.

    Nothing measured, or too slow for real time, still lets one session in: its frames come as they can.
    """
    machine = _Machine(cores, on_cpu)
    usual = {name: _Load.of(preset, steps.get(name, ()), machine) for name, preset in presets.items()}
    quiet = None if silence is None or not silence.steps else _Load.silent(silence, machine)
    slow, slowly_quiet = dict(usual), dict.fromkeys(presets, quiet)
    if on_cpu:
        for name, preset in presets.items():
            times = _slow_hour(steps.get(name, ()), preset.hop)
            slow[name] = _Load.of(preset, [step.slowed(times) for step in steps.get(name, ())], machine)
            if silence is not None and quiet is not None:
                slowly_quiet[name] = _Load.silent(silence.slowed(times), machine)
    most = max(load.count for load in usual.values())
    by_delay = sorted(presets, key=lambda name: presets[name].hop)
    return Capacity(
        {name: max(1, min(most, _taking_turns(load, slowly_quiet[name], machine))) for name, load in slow.items()},
        max((step.batch for load in slow.values() for step in load.useful), default=None),
        {name: max(1, load.count) for name, load in usual.items()},
        Costs(
            by_delay,
            {name: usual[name].share(machine) for name in by_delay},
            {name: (quiet or usual[name]).share(machine) for name in by_delay},
        ),
    )


def _slow_hour(steps: Sequence[StepTime], hop: int) -> float:
    """How many times as long steps of ``hop`` frames take in a slow hour."""
    frame = min((step.p50 / hop / step.batch for step in steps), default=0.0)
    return max(1.0, min(SLOW_HOUR, SLOW_FRAME_S / frame)) if frame else 1.0


@dataclass(frozen=True, slots=True)
class _Machine:
    cores: float
    on_cpu: bool

    def taken(self, count: float, busy: float, media: float = MEDIA_CORES) -> float:
        """The share of it that so many streams take which keep the generator ``busy``, each with so many cores of
        ``media``: 1 is all that is given away."""
        processor = (count * media + busy * self.on_cpu) / (CORES_SHARE * self.cores)
        return max(busy / MARGIN, processor)


@dataclass(frozen=True, slots=True)
class _Load:
    """Streams of one kind: the batches that count, how many of them fit, and the share of the generator's time that one
    of so many takes."""

    useful: Sequence[StepTime]
    count: int
    busy: float
    media: float

    @classmethod
    def of(cls, preset: Preset, steps: Sequence[StepTime], machine: _Machine, media: float = MEDIA_CORES) -> _Load:
        useful = _useful(preset, steps)
        if not useful:
            return cls((), 0, MARGIN, media)
        period = preset.hop * BLOCK_S
        least = [0.0]  # seconds for one step of each of 0, 1, … streams
        while True:
            count = len(least)
            least.append(min(step.p50 + least[max(0, count - step.batch)] for step in useful))
            if machine.taken(count, least[count] / period, media) > 1:
                break
        fit = count - 1
        return cls(useful, fit, least[fit] / fit / period if fit else MARGIN, media)

    @classmethod
    def silent(cls, silence: Silence, machine: _Machine) -> _Load:
        return cls.of(Preset(silence.hop, 0, NO_BOUND_MS), silence.steps, machine, SILENT_MEDIA_CORES)

    def share(self, machine: _Machine) -> float:
        """The share of the machine that one takes, 1 at most."""
        return min(1.0, machine.taken(1, self.busy, self.media))


def _taking_turns(speaking: _Load, silent: _Load | None, machine: _Machine) -> int:
    """How many fit that speak part of the time."""
    if silent is None or not speaking.count:
        return speaking.count
    busy = SPEECH_SHARE * speaking.busy + (1 - SPEECH_SHARE) * silent.busy
    media = SPEECH_SHARE * speaking.media + (1 - SPEECH_SHARE) * silent.media
    return max(speaking.count, int((1 + 1e-9) / machine.taken(1, busy, media)))


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
