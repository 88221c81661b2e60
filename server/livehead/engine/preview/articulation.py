"""From what is heard to what the mouth does."""

from __future__ import annotations

from dataclasses import dataclass, replace

from livehead.engine.preview.features import Features


@dataclass(frozen=True, slots=True)
class Mouthing:
    """A shape of the mouth. ``jaw`` 0..1 how far it is dropped; ``lift`` 0..1 the upper lip;
    ``wide`` -1 (round, as in "who") .. 1 (spread, as in "see"); ``press`` 0..1 lips pressed as for
    m, b, p; ``tongue`` 0..1 how high it lies."""

    jaw: float = 0.0
    lift: float = 0.0
    wide: float = 0.0
    press: float = 0.0
    tongue: float = 0.3


REST = Mouthing()

SHUT_BELOW = 0.02
"""A jaw nearer to shut than this is shut."""


class Articulator:
    """Follows :class:`Features`, as quickly as lips do and no quicker."""

    def __init__(self) -> None:
        self.now = REST

    def copy(self) -> Articulator:
        """An independent articulator in the same state."""
        other = Articulator()
        other.now = self.now
        return other

    def follow(self, heard: Features) -> Mouthing:
        """The mouth's shape for this block."""
        aim, was = aim_for(heard), self.now
        silent = heard.level <= 0
        fall = 0.72 if silent else 0.62 if heard.end < 0.15 or aim.press > 0.4 else 0.5
        now = Mouthing(
            jaw=_towards(was.jaw, aim.jaw, 0.62, fall),
            lift=_towards(was.lift, aim.lift, 0.6, fall),
            wide=_towards(was.wide, aim.wide, 0.45, 0.45 if not silent else 0.5),
            press=_towards(was.press, aim.press, 0.7, 0.6),
            tongue=_towards(was.tongue, aim.tongue, 0.5, 0.5),
        )
        if silent and now.jaw < SHUT_BELOW * 3:
            now = replace(now, jaw=0.0, lift=0.0)
        self.now = now
        return now


def aim_for(heard: Features) -> Mouthing:
    """The shape a steady audio like this is made with."""
    if heard.level <= 0:
        return REST
    loud = min(1.15, heard.level) ** 1.1
    height = _ramp(heard.f1, 290, 760)
    spread = _ramp(heard.f2, 1600, 2250)
    # The closer the vowel, the higher the second resonance a round mouth may still have.
    bound = 1750 - 2.4 * (min(heard.f1, 600) - 330)
    round_ = _ramp(bound - heard.f2, 0, 380) * _ramp(720 - heard.f1, 0, 140)
    vowel = loud * (0.22 + 0.78 * height) * (1 - 0.25 * round_)
    jaw = vowel * heard.voiced + 0.16 * min(1.0, loud * 1.5) * (1 - heard.voiced)
    jaw *= 1 - 0.92 * heard.hum
    lift = jaw * 0.55 + 0.35 * heard.hiss * min(1.0, 1.5 * loud)
    wide = spread * 0.9 * (1 - 0.4 * height) - round_ + 0.45 * heard.hiss * (1 - round_)
    return Mouthing(
        jaw=min(1.0, jaw),
        lift=min(1.0, lift) * (1 - heard.hum),
        wide=max(-1.0, min(1.0, wide)) * min(1.0, 2 * loud),
        press=heard.hum * min(1.0, 2 * heard.level),
        tongue=0.25 + 0.6 * _ramp(heard.f2, 1300, 2200) * (1 - 0.5 * height),
    )


def _ramp(value: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (value - low) / (high - low)))


def _towards(was: float, aim: float, rise: float, fall: float) -> float:
    return was + (rise if aim > was else fall) * (aim - was)
