"""Every decoder under some thousand seeded inputs: none raises what it does not document, none is slow to refuse."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.target import NAMES, load

INPUTS = 400
FEWER = {"speech_framing": 60, "rtp_ingest": 100, "sdp_answer": 80, "http_request": 200}
CHAIN = 6


@pytest.mark.parametrize("name", NAMES)
def test_seeded_inputs(name: str) -> None:
    target = load(name)
    chance = random.Random(name)
    for seed in target.seeds:
        target.run(seed)
    for _ in range(FEWER.get(name, INPUTS)):
        data = chance.choice(target.seeds)
        for _ in range(chance.randint(1, CHAIN)):
            data = target.variant(data, chance)
        try:
            target.run(data)
        except BaseException:
            print(repr(data))
            raise


@pytest.mark.parametrize("name", NAMES)
def test_any_bytes(name: str) -> None:
    run = load(name).run

    @settings(max_examples=100, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.binary(max_size=512))
    def check(data: bytes) -> None:
        run(data)

    check()
