"""From features of the audio to the shape of the mouth."""

from __future__ import annotations

from dataclasses import dataclass, replace

from livehead.engine.preview.audio.features import Features


@dataclass(frozen=True, slots=True)
class MouthShape:
    """``jaw`` is how far the jaw is dropped, 0..1; ``lift`` how far the upper lip is raised, 0..1; ``wide`` runs from
    -1 (round, as in "who") to 1 (spread, as in "see"); ``press`` is how firmly the lips are pressed together, as for
    m, b and p, 0..1; ``tongue`` how high the tongue lies, 0..1. ``keep`` is how much of the portrait's own gap between
    the lips remains, as in a smile, 0..1."""

    jaw: float = 0.0
    lift: float = 0.0
    wide: float = 0.0
    press: float = 0.0
    tongue: float = 0.3
    keep: float = 1.0


REST = MouthShape()

SHUT_BELOW = 0.02
"""A jaw opened by less than this counts as shut."""

KEPT_IN_VOWELS = 0.35
"""How much of a smile's open lips is kept while a vowel sounds, less if it is round. In consonants that close the lips
nothing is."""

SETTLED = 0.01
"""In silence, a mouth that is this near to rest is at rest: nobody sees the difference, and it is not drawn anew."""

STILL = 12
"""After this many silent frames the lips part as in the portrait again."""


class Articulator:
    """Moves the mouth towards what the audio asks for, no faster than lips can."""

    def __init__(self) -> None:
        self.now = REST
        self._silent = STILL

    def copy(self) -> Articulator:
        """An independent articulator in the same state."""
        other = Articulator()
        other.now = self.now
        other._silent = self._silent
        return other

    def follow(self, features: Features) -> MouthShape:
        """Take the features of one block and return the mouth's shape for it."""
        target, last = target_for(features), self.now
        silent = features.level <= 0
        self._silent = min(self._silent + 1, STILL) if silent else 0
        keep = 1.0 if self._silent >= STILL else 0.0 if silent else target.keep
        fall = 0.72 if silent else 0.62 if features.end < 0.15 or target.press > 0.4 else 0.5
        now = MouthShape(
            jaw=_towards(last.jaw, target.jaw, 0.62, fall),
            lift=_towards(last.lift, target.lift, 0.6, fall),
            wide=_towards(last.wide, target.wide, 0.45, 0.45 if not silent else 0.5),
            press=_towards(last.press, target.press, 0.7, 0.6),
            tongue=_towards(last.tongue, target.tongue, 0.5, 0.5),
            keep=_towards(last.keep, keep, 0.12 if silent else 0.5, 0.6),
        )
        if silent and now.jaw < SHUT_BELOW * 3:
            now = replace(now, jaw=0.0, lift=0.0)
        if now.keep > 0.995:
            now = replace(now, keep=1.0)
        if silent and _settled(now):
            now = replace(REST, keep=now.keep)
        self.now = now
        return now


def target_for(features: Features) -> MouthShape:
    """The shape of a mouth that makes such a sound steadily."""
    if features.level <= 0:
        return REST
    loud = min(1.15, features.level) ** 1.1
    height = _ramp(features.f1, 290, 760)
    spread = _ramp(features.f2, 1600, 2250)
    # The closer the vowel, the higher the second resonance a round mouth may still have.
    bound = 1750 - 2.4 * (min(features.f1, 600) - 330)
    round_ = _ramp(bound - features.f2, 0, 380) * _ramp(720 - features.f1, 0, 140)
    vowel = loud * (0.22 + 0.78 * height) * (1 - 0.25 * round_)
    jaw = vowel * features.voiced + 0.16 * min(1.0, loud * 1.5) * (1 - features.voiced)
    jaw *= 1 - features.hum
    lift = jaw * 0.55 + 0.35 * features.hiss * min(1.0, 1.5 * loud)
    wide = spread * 0.9 * (1 - 0.4 * height) - round_ + 0.45 * features.hiss * (1 - round_)
    return MouthShape(
        jaw=min(1.0, jaw),
        lift=min(1.0, lift) * (1 - features.hum),
        wide=max(-1.0, min(1.0, wide)) * min(1.0, 2 * loud),
        press=features.hum * min(1.0, 2 * features.level),
        tongue=0.25 + 0.6 * _ramp(features.f2, 1300, 2200) * (1 - 0.5 * height),
        keep=KEPT_IN_VOWELS * (1 - features.hum) * (1 - 0.7 * round_),
    )


def _settled(shape: MouthShape) -> bool:
    parts = (shape.jaw, shape.lift, shape.wide, shape.press, shape.tongue - REST.tongue)
    return max(abs(part) for part in parts) < SETTLED


def _ramp(value: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (value - low) / (high - low)))


def _towards(last: float, target: float, rise: float, fall: float) -> float:
    return last + (rise if target > last else fall) * (target - last)
