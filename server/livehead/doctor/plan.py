"""What to do, in order, where FlashHead cannot run."""

from __future__ import annotations

from collections.abc import Sequence

from livehead.doctor.finding import Finding

OPTIONAL = ("attention", "standby", "GPU memory", "GPU generation", "hashes", "engine")
"""Without these it runs, or they follow from the others."""


def flashhead_plan(findings: Sequence[Finding]) -> list[Finding]:
    """The findings that keep FlashHead from running, in the order in which to deal with them."""
    return [each for each in findings if each.group == "flashhead" and each.state != "ok" and each.name not in OPTIONAL]
