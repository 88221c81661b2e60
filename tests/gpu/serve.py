"""FlashHead in the real server on this device: weights, load, a video, a server, calls. One script, one table last.

    python tests/gpu/serve.py [--device cuda] [--variant lite] [--tiny] [--out DIR] [--calls low:1,balanced:2]

Writes random weights in the published layout, loads them from the page cache, renders ten seconds of speech, starts
``livehead serve`` and measures microphone to frame with ``livehead bench latency`` over loopback. A step that fails
does not take the others along. Everything goes to ``serve.json``, ``steps.log`` and ``server.log`` in ``--out``.
``--tiny --device cpu`` runs the same anywhere, with weights of no use, in less than a minute.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "server"))

from livehead.bench.http import fetch, request
from livehead.bench.usage import usage
from livehead.errors import LiveheadError

ROOT = Path(__file__).parents[2]
SPEECH = ROOT / "tests/data/speech.flac"
PORTRAIT = ROOT / "server/livehead/portraits/default.png"
SPOKEN_S = 10
RATE = 16000
FPS = 25
CALLS = "balanced:1,throughput:1,low:1,throughput:2,throughput:4,balanced:2"
TARGETS_MS = {"low": 350, "balanced": 480, "throughput": 1150}
"""Audio to frame, p95, FlashHead Lite."""
LOAD_S, LOAD_MB = 20, 2000
"""Loading may take so long, and so much host memory above the largest tensor."""
AROUND_CALL_S = 10
"""What a call takes besides its measured seconds: imports, connecting, warm-up."""


@dataclass
class Run:
    """What was found so far. ``until`` is when to stop, in monotonic seconds."""

    out: Path
    until: float
    env: dict[str, str]
    result: dict[str, Any] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        return self.until - time.monotonic()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """One step that may fail without taking the others along. What it found is on the disk when it ends."""
        print(f"--- {name}  [{time.monotonic() - self.began:.0f} s]", flush=True)
        try:
            yield
        except Exception as error:  # noqa: BLE001 - a lent machine's time is dear: the other steps still count
            print(f"FAILED {name}: {type(error).__name__}: {error}", flush=True)
            self.failed.append(f"{name}: {type(error).__name__}: {error}")
        self.save()

    def save(self) -> None:
        facts = self.result | {"failed": self.failed, "missed": self.missed}
        (self.out / "serve.json").write_text(json.dumps(facts, indent=1))

    def command(self, words: Sequence[object], seconds: float) -> str:
        """What it printed. Raises RuntimeError with its last words where it fails or takes too long."""
        line = [sys.executable, *(str(word) for word in words)]
        with (self.out / "steps.log").open("a") as log, tempfile.TemporaryFile("w+") as said:
            log.write(f"$ {' '.join(line[1:])}\n")
            log.flush()
            process = subprocess.Popen(
                line, stdout=said, stderr=log, stdin=subprocess.DEVNULL, env=self.env, process_group=0
            )
            try:
                code = process.wait(max(1.0, min(seconds, self.left)))
            except subprocess.TimeoutExpired:
                code = None
            finally:
                end(process)
            said.seek(0)
            text = said.read()
            log.write(text + "\n")
        if code != 0:
            words_left = (text + (self.out / "steps.log").read_text()).strip().splitlines()
            how = "took too long" if code is None else f"ended with {code}"
            raise RuntimeError(f"{how}: {words_left[-1] if words_left else 'it said nothing'}")
        return text

    def livehead(self, *words: object, seconds: float) -> str:
        return self.command(["-P", "-m", "livehead", *words], seconds)

    def promise(self, name: str, value: float, limit: float) -> None:
        if value > limit:
            self.missed.append(f"{name}: {value:g}, at most {limit:g} was wanted")


def end(process: subprocess.Popen[Any], within: float = 10) -> None:
    """Stop a process that was started as the head of its group, and what is left of the group."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(within)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def write_speech(path: Path) -> None:
    """Ten seconds of 16 kHz speech, said twice over where the recording is shorter."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    with av.open(str(SPEECH)) as source:
        parts = [part.to_ndarray()[0] for frame in source.decode(audio=0) for part in resampler.resample(frame)]
    samples = np.resize(np.concatenate(parts), SPOKEN_S * RATE).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(samples.tobytes())


def video_facts(path: Path) -> dict[str, Any]:
    """Raises ValueError for a video that is not what it should be."""
    with av.open(str(path)) as video:
        frames = [frame.to_ndarray(format="gray") for frame in video.decode(video=0)]
        side = frames[0].shape
    with av.open(str(path)) as video:
        audio = sum(frame.samples / frame.sample_rate for frame in video.decode(audio=0))
    facts = {
        "frames": len(frames),
        "seconds": len(frames) / FPS,
        "side": side[0],
        "sound_s": round(audio, 2),
        "different": len({frame.tobytes() for frame in frames}),
        "mb": round(path.stat().st_size / 1e6, 2),
    }
    if len(frames) != SPOKEN_S * FPS or not SPOKEN_S - 0.1 < audio < SPOKEN_S + 0.2:
        raise ValueError(f"not a video of {SPOKEN_S} s: {facts}")
    return facts


@dataclass(frozen=True)
class Server:
    url: str
    pid: int
    started_s: float


@contextmanager
def serving(run: Run, options: Sequence[object], within: float) -> Iterator[Server]:
    """``livehead serve`` on a free port, ready. Raises RuntimeError with its last words where it ends before."""
    log = run.out / "server.log"
    words = [sys.executable, "-P", "-m", "livehead", "serve", "--port", "0", *map(str, options)]
    began = time.monotonic()
    with log.open("wb") as sink:
        process = subprocess.Popen(
            words, stdout=sink, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=run.env, process_group=0
        )
    try:
        until = began + max(1.0, min(within, run.left))
        yield Server(_ready(process, log, until), process.pid, time.monotonic() - began)
    finally:
        end(process)


def _ready(process: subprocess.Popen[bytes], log: Path, until: float) -> str:
    while time.monotonic() < until:
        lines = log.read_text(errors="replace").splitlines()
        if process.poll() is not None:
            raise RuntimeError(f"the server ended: {lines[-1] if lines else 'it said nothing'}")
        for line in lines:
            if line.startswith("Livehead is at "):
                url = line.split()[-1]
                with contextlib.suppress(LiveheadError):
                    request(f"{url}/readyz")
                    return url
        time.sleep(0.05)
    raise RuntimeError("the server was not ready in time")


def counted(server: Server) -> dict[str, float]:
    """The server's counters by name and labels."""
    lines = [line.rpartition(" ") for line in request(f"{server.url}/metrics").text.splitlines() if line[0] != "#"]
    return {name: float(value) for name, _, value in lines if name.partition("{")[0].endswith("_total")}


def measure(run: Run, server: Server, preset: str, sessions: int, seconds: float) -> None:
    name = f"{preset}:{sessions}"
    before, counted_before = usage(server.pid), counted(server)
    text = run.livehead(
        *("bench", "latency", "--url", server.url, "--sessions", sessions, "--seconds", seconds, "--latency", preset),
        seconds=seconds + AROUND_CALL_S + 60,
    )
    after = usage(server.pid)
    figures = json.loads(text.splitlines()[-1])
    figures["server"] = {
        "cpu_percent_with_connecting": round(100 * (after.cpu_s - before.cpu_s) / (after.at - before.at), 1),
        "rss_mb": round(after.rss_mb),
        "counted": {
            name: value - counted_before.get(name, 0.0)
            for name, value in counted(server).items()
            if value != counted_before.get(name, 0.0)
        },
    }
    run.result.setdefault("calls", {})[name] = figures
    if (run.result["variant"], run.result["size"]) == ("lite", 512):
        run.promise(f"{name} audio to frame, p95 ms", figures["audio_to_picture_ms"]["p95"], TARGETS_MS[preset])
    run.promise(f"{name} freezes", figures["freezes"], 0)
    run.promise(f"{name} failed calls", figures["failed"], 0)
    print("\n".join(text.splitlines()[:-1]), flush=True)
    print(f"counted {figures['server']['counted']}", flush=True)


def table(run: Run) -> str:
    """The short table that stands last."""
    result = run.result
    lines = [f"FlashHead {result['variant']}, {result['size']}², {result['device']}"]
    if "synthesize" in result:
        made = result["synthesize"]
        lines.append(f"synthesize: {made['gb']:.2f} GB in {made['seconds']:.1f} s")
    if "load" in result:
        load = result["load"]
        lines.append(
            f"load: {load['seconds']:.1f} s for {load['files_gb']} GB; host peak {load['host_peak_mb']} MB, "
            f"{load['host_growth_mb']} MB above the start (largest tensor {load['largest_tensor_mb']} MB); "
            f"torch {load['torch']}, CUDA {load['cuda']}, {load['details']['attention']} attention, {load['device']}"
        )
    if "render" in result:
        video = result["render"]
        lines.append(f"render: {video['frames']} frames, {video['command_s']:.1f} s in all; {video['said']}")
    if "serve" in result:
        lines.append(f"serve: ready after {result['serve']['ready_s']:.1f} s")
    lines.append(
        f"{'preset':13}{'calls':>5}{'p50':>8}{'p95':>8}{'wanted':>8}{'floor':>8}{'generate':>10}{'fps':>7}{'least':>7}"
        f"{'frozen':>8}{'rep %':>7}{'drop':>6}{'skip':>6}{'skew':>7}{'CPU %':>7}"
    )
    for name, figures in result.get("calls", {}).items():
        preset, sessions = name.split(":")
        whole, fps = figures["audio_to_picture_ms"] or {}, figures["fps"] or {}
        cells: list[tuple[object, int]] = [
            (sessions, 5),
            (whole.get("p50"), 8),
            (whole.get("p95"), 8),
            (TARGETS_MS[preset], 8),
            (figures["floor_ms"], 8),
            (figures["breakdown_ms"]["mean"].get("generate"), 10),
            (fps.get("mean"), 7),
            (fps.get("min"), 7),
            (figures["freezes"], 8),
            (figures["repeated_percent"], 7),
            (figures["dropped"], 6),
            (figures["skipped"], 6),
            ((figures["skew_ms"] or {}).get("p95"), 7),
            (figures["server"]["cpu_percent_with_connecting"], 7),
        ]
        lines.append(
            f"{preset:13}" + "".join(f"{'-' if value is None else value!s:>{width}}" for value, width in cells)
        )
    lines += [f"MISSED {each}" for each in run.missed]
    lines += [f"FAILED {each}" for each in run.failed]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--variant", choices=("lite", "pro"), default="lite")
    parser.add_argument("--tiny", action="store_true", help="weights of 16 MB, small frames, short calls")
    parser.add_argument("--models", type=Path, help="where the weights go, or are already (default: a new folder)")
    parser.add_argument("--out", type=Path, help="where the figures go (default: a new folder)")
    parser.add_argument("--calls", help=f"preset:sessions, … (default: {CALLS}; throughput:1 with --tiny)")
    parser.add_argument("--seconds", type=float, help="of each call (default: 20; 4 with --tiny)")
    parser.add_argument("--within", type=float, default=240, help="seconds after which no new step is begun")
    parser.add_argument("--without", default="", help="steps to leave out: load, render")
    args = parser.parse_args()
    without = args.without.split(",")
    calls = [call.split(":") for call in (args.calls or ("throughput:1" if args.tiny else CALLS)).split(",")]
    seconds = args.seconds or (4 if args.tiny else 20)
    size = 128 if args.tiny else 512
    out = args.out or Path(tempfile.mkdtemp(prefix="livehead-gpu-"))
    out.mkdir(parents=True, exist_ok=True)
    path = os.pathsep.join(filter(None, [str(ROOT / "server"), os.environ.get("PYTHONPATH")]))
    env = os.environ | {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}
    if args.device == "cpu":
        env.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory(prefix="livehead-gpu-") as folder:
        run = Run(out, time.monotonic() + args.within, env)
        run.result |= {"variant": args.variant, "size": size, "device": args.device, "cpus": os.cpu_count()}
        models = args.models or Path(folder) / "models"
        engine = ["--engine", "flashhead", "--variant", args.variant, "--device", args.device]
        engine += ["--size", str(size), "--models", str(models)]
        if not models.exists():
            with run.step("synthesize"):
                began = time.monotonic()
                run.livehead(
                    *("models", "synthesize", models, "--variant", args.variant, *(["--tiny"] if args.tiny else [])),
                    seconds=120,
                )
                written = sum(file.stat().st_size for file in models.rglob("*") if file.is_file())
                run.result["synthesize"] = {"gb": written / 1e9, "seconds": round(time.monotonic() - began, 1)}
        if "load" not in without:
            with run.step("load"):
                loading = Path(__file__).with_name("loading.py")
                options = ["--models", models, "--variant", args.variant, "--device", args.device, "--size", size]
                load = json.loads(run.command([loading, *options], 90).splitlines()[-1])
                run.result["load"] = load
                run.promise("load, s", load["seconds"], LOAD_S)
                run.promise("load, host MB", load["host_growth_mb"], LOAD_MB + load["largest_tensor_mb"])
        if "render" not in without:
            with run.step("render"):
                speech, video = Path(folder) / "speech.wav", Path(folder) / "video.mp4"
                write_speech(speech)
                began = time.monotonic()
                files = ["--portrait", PORTRAIT, "--audio", speech, "--out", video]
                text = run.livehead("render", *engine, *files, "--latency", "throughput", "--seed", "1", seconds=90)
                taken = time.monotonic() - began
                said = text.splitlines()[-1].partition("made in ")[2]
                run.result["render"] = video_facts(video) | {"command_s": round(taken, 1), "said": f"made in {said}"}
        with (
            run.step("serve"),
            serving(run, [*engine, "--max-sessions", 8, "--data-dir", Path(folder) / "data"], 90) as server,
        ):
            run.result["serve"] = {"ready_s": round(server.started_s, 1), "info": fetch(f"{server.url}/v1/info")}
            print(json.dumps(run.result["serve"]["info"]), flush=True)
            for preset, sessions in calls:
                if run.left < seconds + AROUND_CALL_S:
                    print(f"no time left for {preset}:{sessions}", flush=True)
                    run.result.setdefault("left_out", []).append(f"{preset}:{sessions}")
                    continue
                with run.step(f"{preset}:{sessions}"):
                    measure(run, server, preset, int(sessions), seconds)
            with contextlib.suppress(LiveheadError):
                (out / "metrics.txt").write_text(request(f"{server.url}/metrics").text)
    run.save()
    print(f"\n{table(run)}")
    return 1 if run.failed else 0


if __name__ == "__main__":
    sys.exit(main())
