"""FlashHead behind the whole server: a microphone in, frames of its making out. Tiny weights, on the CPU."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import av
import httpx
import numpy as np
import pytest

from caller import Caller, tone
from serving import running

pytest.importorskip("torch", reason="needs the flashhead extra")

ONE_THREAD = {"OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    command = [sys.executable, "-m", "livehead", "models", "synthesize", str(folder), "--tiny"]
    subprocess.run(command, check=True, timeout=170, capture_output=True)
    return folder


def options(models: Path, variant: str = "lite") -> list[str]:
    return ["--engine", "flashhead", "--variant", variant, "--device", "cpu", "--size", "128", "--models", str(models)]


@pytest.mark.may_block("the server is another process, started and awaited here")
@pytest.mark.soak
async def test_a_call_to_flashhead(models: Path, tmp_path: Path) -> None:
    with running(tmp_path, *options(models), **ONE_THREAD) as server:
        async with httpx.AsyncClient(base_url=server.url, timeout=20) as client:
            info = (await client.get("/v1/info")).json()
            assert info["engine"]["name"] == "flashhead"
            assert info["engine"]["variant"] == "lite"
            assert info["engine"]["details"]["attention"] == "sdpa"
            async with Caller(tone, keep=5) as caller:
                answer = await client.post(
                    "/v1/sessions?latency=balanced&probe=1",
                    content=await caller.offer(),
                    headers={"content-type": "application/sdp"},
                )
                assert answer.status_code == 201, answer.text
                await caller.accept(answer.text)

                def coded() -> list[int]:
                    """Those of the microphone's blocks; while it idles before them, k is negative."""
                    return [seen.code.k for seen in caller.frames if seen.code and seen.code.k < 1 << 15]

                def looks() -> int:
                    kept = [seen.luma[:96] for seen in caller.frames if seen.luma.shape[0] == 128]
                    return len({look.tobytes() for look in kept})

                # A slow machine may repeat and skip, but the frames go on, in order, and under the code they change.
                await caller.seen(lambda seen: len(set(coded())) > 20 and looks() > 4, within=60)
                assert coded() == sorted(coded())
                gone = await client.delete(answer.headers["location"])
                assert gone.status_code == 200


@pytest.mark.parametrize("variant", ["lite", pytest.param("pro", marks=pytest.mark.soak)])
def test_render_makes_a_film(variant: str, models: Path, tmp_path: Path) -> None:
    portrait = Path(__file__).parents[2] / "server/livehead/portraits/default.png"
    speech, film = Path(__file__).parents[1] / "data/speech.flac", tmp_path / "film.mp4"
    short = tmp_path / "short.flac"
    with av.open(str(speech)) as source, av.open(str(short), "w") as target:
        stream = target.add_stream("flac", rate=16000, layout="mono")
        resampler = av.AudioResampler(format="s16", layout="mono", rate=16000)
        samples = np.concatenate(
            [part.to_ndarray() for frame in source.decode(audio=0) for part in resampler.resample(frame)], 1
        )
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[:, : 16000 * 2]), format="s16", layout="mono")
        frame.sample_rate = 16000
        target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    command = [sys.executable, "-m", "livehead", "render", *options(models, variant), "--seed", "3"]
    command += ["--portrait", str(portrait), "--audio", str(short), "--out", str(film), "--latency", "throughput"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=170, check=False)
    assert done.returncode == 0, done.stderr
    with av.open(str(film)) as made:
        frames = [frame.to_ndarray(format="gray") for frame in made.decode(video=0)]
    assert len(frames) == 50
    assert frames[0].shape == (128, 128)
    assert len({frame.tobytes() for frame in frames}) > 40
