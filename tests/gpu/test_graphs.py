"""CUDA graphs make the same frames as running directly, whatever the batch, the portrait and the free memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the flashhead extra")

from engine.flashhead.material import assert_frames, portrait, relative, voice  # noqa: E402
from livehead.engine.base import Work  # noqa: E402
from livehead.engine.flashhead.generator import FlashHead  # noqa: E402
from livehead.engine.flashhead.stream import FlashHeadStream  # noqa: E402
from livehead.engine.flashhead.weights.synthesize import SyntheticCheckpoint, gaussian  # noqa: E402
from livehead.errors import EngineError  # noqa: E402

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

HOPS = (20, 8, 3, 24)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tiny")
    SyntheticCheckpoint(("lite", "pro"), tiny=True).write(root)
    return root


def load(weights: Path, variant: str = "lite", *, graphs: bool) -> FlashHead:
    engine = FlashHead.load(weights, variant=variant, size=(64, 96), device="cuda", dtype="float32")  # type: ignore[arg-type]
    if graphs:
        engine.warm_up()
    return engine


@pytest.fixture(scope="module")
def engine(weights: Path) -> FlashHead:
    return load(weights, graphs=True)


@pytest.fixture(scope="module")
def plain(weights: Path) -> FlashHead:
    return load(weights, graphs=False)


def start(engine: FlashHead, name: int) -> FlashHeadStream:
    return engine.open(portrait(name), noise=lambda key, shape: gaussian(f"{name}/{key}", shape))


def alone(engine: FlashHead, name: int) -> tuple[list[np.ndarray], FlashHeadStream]:
    stream = start(engine, name)
    return [engine.step([Work(stream, voice(hop, name + k), hop)])[0] for k, hop in enumerate(HOPS)], stream


@pytest.mark.parametrize("variant", ["lite", "pro"])
def test_graphs_make_what_plain_running_makes(variant: str, weights: Path) -> None:
    found, expected = (alone(load(weights, variant, graphs=graphs), 1) for graphs in (True, False))
    for frames, right in zip(found[0], expected[0], strict=True):
        assert_frames(frames, right, equal=0.999, most=1)
    assert relative(found[1].motion_latent, expected[1].motion_latent) < 1e-5


@pytest.mark.parametrize("count", [2, 3, 5, 8])
def test_a_batch_gives_what_its_streams_give_alone(count: int, engine: FlashHead, plain: FlashHead) -> None:
    streams = [start(engine, name) for name in range(count)]
    made = [
        engine.step([Work(stream, voice(hop, name + k), hop) for name, stream in enumerate(streams)])
        for k, hop in enumerate(HOPS)
    ]
    for name in (0, count - 1):
        expected, stream = alone(plain, name)
        for frames, right in zip([batch[name] for batch in made], expected, strict=True):
            assert_frames(frames, right, equal=0.995, most=2)
        assert relative(streams[name].motion_latent, stream.motion_latent) < 2e-5


def test_streams_that_come_and_go_change_nothing_for_the_others(engine: FlashHead) -> None:
    expected, _ = alone(engine, 1)
    stream, guest, made = start(engine, 1), start(engine, 50), []
    for k, hop in enumerate(HOPS):
        made.append(engine.step([Work(guest, voice(hop, 90), hop), Work(stream, voice(hop, 1 + k), hop)])[1])
        engine.close(guest)
        guest = start(engine, 51 + k)
        engine.rewind(guest, np.zeros((9, 64, 96, 3), np.uint8))
    for frames, right in zip(made, expected, strict=True):
        assert_frames(frames, right, equal=0.995, most=2)


def test_frames_stay_what_they_were_when_the_next_are_made(engine: FlashHead) -> None:
    stream = start(engine, 1)
    (first,) = engine.step([Work(stream, voice(24), 24)])
    kept = first.copy()
    for _ in range(3):
        engine.step([Work(stream, voice(24, 5), 24)])
    assert np.array_equal(first, kept)


@pytest.fixture
def _no_memory() -> Iterator[None]:
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 2**25) / total)
    filler = []
    for size in (2**22, 2**19, 2**14, 2**9):
        try:
            while True:
                filler.append(torch.empty(size, dtype=torch.uint8, device="cuda"))
        except torch.OutOfMemoryError:
            pass
    yield
    filler.clear()
    torch.cuda.set_per_process_memory_fraction(1.0)


def test_no_memory_for_a_new_stream_is_an_engine_error_and_harms_nobody(
    engine: FlashHead, request: pytest.FixtureRequest
) -> None:
    expected, _ = alone(engine, 1)
    stream = start(engine, 1)
    made = [engine.step([Work(stream, voice(HOPS[0], 1), HOPS[0])])[0]]
    request.getfixturevalue("_no_memory")
    with pytest.raises(EngineError, match="memory"):
        start(engine, 77)
    torch.cuda.set_per_process_memory_fraction(1.0)
    made += [engine.step([Work(stream, voice(hop, 1 + k), hop)])[0] for k, hop in enumerate(HOPS) if k]
    for frames, right in zip(made, expected, strict=True):
        assert_frames(frames, right, equal=0.999, most=1)
    start(engine, 77)
