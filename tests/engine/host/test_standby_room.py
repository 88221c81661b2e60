"""Whether a second worker fits."""

from __future__ import annotations

import pytest

from livehead.engine.host.standby_room import why_no_room
from livehead.engine.ipc.messages import Footprint

PREVIEW = Footprint(0.4)
LITE = Footprint(3.0, 10.4, 60.0)


@pytest.mark.parametrize(
    ("first", "on_cpu", "cores", "free_gb", "says"),
    [
        (PREVIEW, True, 2, 4.0, None),
        (PREVIEW, True, 1.5, 4.0, "2 cores, and there is 1.5"),
        (PREVIEW, True, 2, 1.7, "1.8 GB of memory, of which 1.7 GB are free"),
        (LITE, False, 1, 8.0, None),
        (LITE, False, 8, 6.0, "7.0 GB of memory"),
        (Footprint(3.0, 10.4, 11.9), False, 8, 64.0, "12.0 GB of the device's memory, of which 11.9 GB are free"),
        (Footprint(3.0, 10.4, 12.0), False, 8, 64.0, None),
    ],
)
def test_it_says_what_it_would_take(
    first: Footprint, on_cpu: bool, cores: float, free_gb: float, says: str | None
) -> None:
    found = why_no_room(first, on_cpu=on_cpu, cores=cores, free_gb=free_gb)
    assert found == says if says is None or found is None else says in found
