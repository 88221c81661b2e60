"""A batch is composed of the batch sizes that are recorded as graphs. Tested without a device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from engine.flashhead.conftest import Engines
from engine.flashhead.material import assert_frames, portrait, voice
from livehead.engine.base import Work
from livehead.engine.flashhead.generator import FlashHead
from livehead.engine.flashhead.weights.synthesize import gaussian


class Recorded:
    """Instead of Graphs: runs every stage directly, and remembers which."""

    def __init__(self) -> None:
        self.runs: list[tuple[str, int]] = []

    def run(self, chain: str, name: str, stage: Callable[..., Any], *inputs: Any) -> Any:
        batch = inputs[0].shape[1] if name == "begin" else len(inputs) - 1 if name == "encode" else inputs[0].shape[0]
        self.runs.append((name, batch))
        return stage(*inputs)


def make(engine: FlashHead, hops: list[int]) -> list[Any]:
    def noise(name: int) -> Callable[[str, tuple[int, ...]], Any]:
        return lambda key, shape: gaussian(f"{name}/{key}", shape)

    streams = [engine.open(portrait(name), noise=noise(name)) for name in range(len(hops))]
    made = []
    for k in range(2):
        work = [Work(stream, voice(hop, k), hop) for stream, hop in zip(streams, hops, strict=True)]
        made += engine.step(work)
    return made


SIZES = {"lite": 64, "pro": 32}
"""The smallest that have several tokens."""

RANGES = {"lite": [range(9, 33), range(4, 17)], "pro": [range(5, 33), range(5, 19), range(5, 25)]}


@pytest.mark.parametrize("variant", RANGES)
def test_warming_up_makes_a_window_for_every_preset(variant: str, tiny_engine: Engines) -> None:
    engine = tiny_engine(variant, SIZES[variant])
    engine.warm_up()
    assert engine.graphed.decoded_ranges == RANGES[variant]


@pytest.mark.parametrize(
    ("variant", "hops", "expected"),
    [
        ("lite", [8, 8, 8], ["decode 4 17", "decode 4 17", "decode 4 17"]),
        ("lite", [4, 24, 7], ["decode 4 17", "decode 9 33", "decode 4 17"]),
        ("lite", [3], ["decode 3 12"]),
        ("pro", [20, 14, 14], ["decode 5 25", "decode 5 19", "decode 5 19"]),
        ("pro", [28, 3], ["decode 5 33", "decode 3 8"]),
    ],
)
def test_batches_of_recorded_sizes_and_ranges_make_the_same_frames(
    variant: str,
    hops: list[int],
    expected: list[str],
    tiny_engine: Engines,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = tiny_engine(variant, SIZES[variant])
    right = make(engine, hops)
    recorded = Recorded()
    monkeypatch.setattr(engine.graphed, "graphs", recorded)
    monkeypatch.setattr(engine.graphed, "batch_sizes", (2, 1))
    monkeypatch.setattr(engine.graphed, "decoded_ranges", RANGES[variant])
    found = make(engine, hops)
    assert [run for run in recorded.runs if run[0].startswith("decode")] == [(name, 1) for name in expected] * 2
    others = {name for name, _ in recorded.runs if "decode" not in name}
    assert others == {"audio", "begin", *(f"denoise {step}" for step in range(4)), "encode"}
    together = [size for name, size in recorded.runs if name == "denoise 0"]
    assert together == {1: [1], 2: [2], 3: [2, 1]}[len(hops)] * 2
    for frames, others in zip(found, right, strict=True):
        assert_frames(frames, others, equal=0.995, most=2)
