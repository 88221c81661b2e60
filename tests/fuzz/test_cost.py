"""No input takes more than its length explains: the search for the slowest, in executed lines instead of time."""

from __future__ import annotations

import random

import pytest

from fuzz.cost import count_lines
from fuzz.slowest import search
from fuzz.target import NAMES, load

TRIES = 60
FEWER = {
    "speech_framing": 10,
    "rtp_ingest": 10,
    "jitter_buffer": 15,
    "environment": 30,
    "sdp_answer": 8,
    "sdp_offer": 20,
    "http_request": 30,
}


@pytest.mark.parametrize("name", NAMES)
def test_the_costliest_input_stays_within_its_bound(name: str) -> None:
    target = load(name)
    target.run(target.seeds[0])  # what happens once in a process is no cost of an input
    first, each = target.cost
    found = search(
        target,
        FEWER.get(name, TRIES),
        random.Random(name),
        lambda run, data: count_lines(run, data) / (first + each * len(data)),
    )
    assert found.cost <= 1.0, f"{len(found.data)} bytes take {found.cost:.1f} times what they may: {found.data[:300]!r}"
