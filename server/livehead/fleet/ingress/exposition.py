"""The figures of all replicas as one page for Prometheus. Pure.

Nothing is added up: each series has its replica as a label. So a counter of a replica only ever rises, and when a
replica goes its series end, as those of a target do that is not scraped any more. A sum over replicas that was made
here would fall then, which Prometheus would take for a restart, and count everything again. Names of replicas are not
used twice, and sums are made after ``rate()``, as in ``sum(rate(livehead_sessions_opened_total[5m]))``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from livehead.fleet.directory import Replica

LABEL = "replica"

_META = re.compile(r"# (HELP|TYPE) (\S+)(?: .*)?")
_SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})?( .+)")


def merge(pages: Mapping[str, str], replicas: Sequence[Replica]) -> str:
    """``pages`` are the replicas' own, by name, of those that answered. Lines that cannot be read are left out."""
    families: dict[str, _Family] = {}
    for name, page in pages.items():
        _read(page, name, families)
    lines = _own(pages, replicas)
    for family in families.values():
        lines += family.meta.values()
        lines += family.samples
    return "\n".join(lines) + "\n"


class _Family:
    """All that has one name: it must stand together."""

    def __init__(self) -> None:
        self.meta: dict[str, str] = {}
        self.samples: list[str] = []


def _read(page: str, replica: str, families: dict[str, _Family]) -> None:
    family: _Family | None = None
    current = ""
    for line in page.splitlines():
        if meta := _META.fullmatch(line):
            kind, current = meta[1], meta[2]
            family = families.setdefault(current, _Family())
            family.meta.setdefault(kind, line)
        elif sample := _SAMPLE.fullmatch(line):
            name, labels, value = sample[1], sample[2], sample[3]
            if family is None or not name.startswith(current):
                current = name
                family = families.setdefault(name, _Family())
            own = f'{LABEL}="{replica}"'
            family.samples.append(f"{name}{{{own},{labels}}}{value}" if labels else f"{name}{{{own}}}{value}")


def _own(pages: Mapping[str, str], replicas: Sequence[Replica]) -> list[str]:
    """Gauges alone: several ingresses behind one address agree on them, and on no counter."""
    lines = [
        "# HELP livehead_replica_up 1 where the replica has given its figures.",
        "# TYPE livehead_replica_up gauge",
        *(f'livehead_replica_up{{{LABEL}="{each.name}"}} {int(each.name in pages)}' for each in replicas),
        "# HELP livehead_replicas Replicas of the fleet, by state.",
        "# TYPE livehead_replicas gauge",
    ]
    for state in ("starting", "ready", "draining"):
        count = sum(each.state == state for each in replicas)
        lines.append(f'livehead_replicas{{state="{state}"}} {count}')
    return lines
