"""Is FlashHead right and how fast is it on this device? One script, one table, JSON as the last line.

    python tests/gpu/check.py [--device cuda] [--goldens DIR] [--sizes full|tiny] [--out DIR]

``--goldens`` is a folder like tests/data/golden, with make_checkpoint.py, manifests/ and cases/; without it that part
is left out. ``--sizes tiny`` runs everything but the goldens on small random models, on the CPU too.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "server"))

from livehead.engine.base import Work
from livehead.engine.flashhead.colour import match as colour
from livehead.engine.flashhead.colour import pixels
from livehead.engine.flashhead.dit.attention import choose
from livehead.engine.flashhead.dit.sampler import STEPS
from livehead.engine.flashhead.dit.tokens import to_tokens
from livehead.engine.flashhead.generator import FlashHead
from livehead.engine.flashhead.geometry import Geometry
from livehead.engine.flashhead.runtime.dtype_policy import DtypePolicy
from livehead.engine.flashhead.stages import WindowStages
from livehead.engine.flashhead.weights.checkpoint import Model, load_model, random_model
from livehead.engine.flashhead.weights.synthesize import SyntheticCheckpoint

GATES = {"step_relative": 1e-2, "step_cosine": 0.9999, "latent_relative": 3e-2, "frames_db": 38.0, "colour_levels": 1}
INT8_GATES = GATES | {"step_relative": 2e-2, "step_cosine": 0.9998, "frames_db": 44.0}


def relative(found: torch.Tensor, expected: Any) -> float:
    a, b = found.double().cpu(), torch.as_tensor(expected).double().cpu()
    return float((a - b).norm() / b.norm())


def decibels(found: np.ndarray, expected: np.ndarray) -> float:
    error = np.mean((found.astype(np.float64) - expected) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-12)))


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


class Check:
    def __init__(self, device: str, sizes: str) -> None:
        self.device = torch.device(device)
        self.tiny = sizes == "tiny"
        self.low = torch.bfloat16
        self.result: dict[str, Any] = {"device": self._name(), "torch": torch.__version__, "tiny": self.tiny}
        self.failed: list[str] = []
        self._started = time.perf_counter()

    def _name(self) -> str:
        return torch.cuda.get_device_name() if self.device.type == "cuda" else "cpu"

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """One part that may fail without taking the others along."""
        print(f"--- {name}  [{time.perf_counter() - self._started:.0f} s]", flush=True)
        try:
            with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
                yield
        except Exception as error:  # noqa: BLE001 - a lent machine's time is dear: the other parts still count
            print(f"FAILED {name}: {type(error).__name__}: {error}", flush=True)
            self.failed.append(name)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def ceilings(self) -> None:
        side, copied = (8192, 2**32) if not self.tiny else (256, 2**20)
        a, b = (torch.randn(side, side, device=self.device, dtype=self.low) for _ in range(2))
        seconds = self._seconds(lambda: a @ b)
        self.result["matmul_tflops"] = 2 * side**3 / seconds / 1e12
        source = torch.randint(0, 255, (copied,), dtype=torch.uint8, device=self.device)
        target = torch.empty_like(source)
        self.result["copy_tb_s"] = 2 * copied / self._seconds(lambda: target.copy_(source)) / 1e12
        print(f"matmul {self.result['matmul_tflops']:.0f} TFLOP/s, copy {self.result['copy_tb_s']:.2f} TB/s")

    def _seconds(self, action: Any, repeat: int = 10) -> float:
        for _ in range(3):
            action()
        wait(self.device)
        start = time.perf_counter()
        for _ in range(repeat):
            action()
        wait(self.device)
        return (time.perf_counter() - start) / repeat

    def goldens(self, folder: Path, root: Path) -> None:
        """Every golden case in float32 (must match) and bfloat16 (reported)."""
        spec = importlib.util.spec_from_file_location("recipe", folder / "make_checkpoint.py")
        assert spec is not None
        assert spec.loader is not None
        recipe = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(recipe)
        rows: dict[str, Any] = {}
        for dtype in (torch.float32, self.low):
            models: dict[str, Model] = {}
            for path in sorted((folder / "cases").glob("*.npz")):
                case, data = path.stem, dict(np.load(path))
                variant, size = case.split("_")[0], tuple(int(side) for side in data["size"])
                if variant not in models:
                    attention = choose("auto", self.device, dtype)
                    start = time.perf_counter()
                    models[variant] = load_model(root, variant, 64, self.device, DtypePolicy.of(dtype), attention)  # type: ignore[arg-type]
                    print(f"loaded {variant} {dtype} in {time.perf_counter() - start:.1f} s")
                model = models[variant]
                engine = FlashHead(replace(model, geometry=Geometry.of(model.config, size)))  # type: ignore[arg-type]
                row = self._golden(engine, data, case, recipe)
                rows[f"{case} {str(dtype)[6:]}"] = row
                print(
                    f"{case:18} {str(dtype)[6:]:9}", *(f"{key} {value:.3g}" for key, value in row.items()), flush=True
                )
                if dtype is torch.float32 and not (
                    row["latent"] <= 2e-5 and row["equal"] >= 0.999 and row["most"] <= 2
                ):
                    self.failed.append(f"golden {case}")
        self.result["goldens"] = rows

    def _golden(self, engine: FlashHead, data: dict[str, np.ndarray], case: str, recipe: Any) -> dict[str, float]:
        stream = engine.open(data["image"], noise=lambda name, shape: recipe.gaussian(f"{case}/{name}", shape))
        latent = [relative(stream.first_latent, data["first_latent"])]
        audio, equal, most, db = [0.0], [], [], []
        rewind, unshown = data.get("rewind", (-1, 0))
        for k, (hop, _) in enumerate(data["hops"]):
            if k == rewind:
                engine.rewind(stream, data["rewind_shown"], int(unshown))
                latent.append(relative(stream.motion_latent, data["rewind_latent"]))
            frames = engine.step([Work(stream, data[f"pcm_{k}"], int(hop))], pixel_format="rgb24")[0]
            if f"audio_embedding_{k}" in data:
                audio.append(relative(stream.audio_embedding[::8, 2], data[f"audio_embedding_{k}"]))
            latent.append(relative(stream.motion_latent, data[f"motion_latent_{k}"]))
            if (expected := data.get(f"frames_{k}")) is not None:  # thinned cases keep those of some steps
                apart = np.abs(frames.astype(int) - expected)
                equal.append((apart == 0).mean())
                most.append(apart.max())
                db.append(decibels(frames, expected))
        return {"latent": max(latent), "audio": max(audio), "equal": min(equal), "most": max(most), "db_first": db[0]}

    def gates(
        self, name: str, exact: Model, low: Model, gates: Mapping[str, float] = GATES, *, held: bool = True
    ) -> None:
        """bfloat16 against our own float32, each part given the float32 run's inputs. What need not be ``held`` is
        reported only."""
        geometry = exact.geometry
        generator = torch.Generator(self.device).manual_seed(7)
        latent = geometry.latent
        noise = torch.randn(STEPS, 1, *latent, device=self.device, generator=generator)
        samples = torch.randn(1, 128000, device=self.device, generator=generator) * 0.1
        portrait = torch.rand(3, geometry.height // 16, geometry.width // 16, device=self.device, generator=generator)
        portrait = (
            torch.nn.functional.interpolate(
                portrait[None], (geometry.height, geometry.width), mode="bilinear", align_corners=False
            )[0]
            * 2
            - 1
        )
        full, half = WindowStages(exact), WindowStages(low)
        deviation = torch.randn(1, *latent, device=self.device, generator=generator) if exact.vae.samples else None
        reference_latent, reference = full.reference(full.encode_portrait(portrait), deviation)
        motion = reference_latent[:, :, :2].contiguous()
        two_motion = torch.ones(1, dtype=torch.bool, device=self.device)
        embedding = exact.audio.embedding(samples)
        low_reference = low.dit.reference(to_tokens(reference_latent, geometry.patch))
        context, low_context = exact.dit.audio_context(embedding), low.dit.audio_context(embedding)
        tokens = to_tokens(noise[0], geometry.patch)
        row: dict[str, Any] = {"step_relative": 0.0, "step_cosine": 1.0}
        for step in range(STEPS):
            a = exact.dit.velocity(tokens, step, reference, context, full.rope, geometry.frame_tokens).double()
            b = low.dit.velocity(tokens, step, low_reference, low_context, half.rope, geometry.frame_tokens).double()
            row["step_relative"] = max(row["step_relative"], float((a - b).norm() / a.norm()))
            row["step_cosine"] = min(row["step_cosine"], float((a * b).sum() / a.norm() / b.norm()))
        latents = full.denoise(noise, motion, two_motion, reference, context)
        low_latents = half.denoise(noise, motion, two_motion, low_reference, low_context)
        row["latent_relative"] = relative(low_latents, latents)
        statistics = colour.colour_statistics(portrait)
        frames = full.decode(latents)
        shown = pixels.to_rgb24(full.match(frames, statistics)).cpu().numpy()
        row["decode_db"] = decibels(pixels.to_rgb24(half.match(half.decode(latents), statistics)).cpu().numpy(), shown)
        row["frames_db"] = decibels(
            pixels.to_rgb24(half.match(half.decode(low_latents), statistics)).cpu().numpy(), shown
        )
        some = frames[:, :4].cpu()
        slow = colour.ColourStatistics(statistics.mean.cpu(), statistics.deviation.cpu())
        right = pixels.to_rgb24(colour.match(some, slow)).numpy().astype(int)
        row["colour_levels"] = int(np.abs(right - shown[:, :4]).max())
        fed_back = full.match(frames, statistics)[:, -geometry.motion_frames :]
        encode_noise = torch.randn(1, latent[0], 2, *latent[2:], device=self.device, generator=generator)
        row["encode_relative"] = relative(
            half.encode_motion(encode_noise, fed_back), full.encode_motion(encode_noise, fed_back)
        )
        ok = {
            key: row[key] >= gate if key in ("step_cosine", "frames_db") else row[key] <= gate
            for key, gate in gates.items()
        }
        self.failed += [f"gate {name} {key}" for key, passed in ok.items() if held and not passed]
        self.result.setdefault("gates", {})[name] = row
        print(name, *(f"{k} {v:.5g}{'' if ok.get(k, True) else ' (MISSED)'}" for k, v in row.items()), flush=True)

    def timing(self, name: str, engine: FlashHead, batches: list[int], windows: int) -> None:
        """Milliseconds of a full window, audio in to I420 on the host, by stage."""
        hop = engine.info.window
        for batch in batches:
            rng = np.random.default_rng(batch)
            streams = [engine.open(rng.integers(0, 255, (64, 64, 3)).astype(np.uint8), seed=s) for s in range(batch)]
            totals, stages = [], []
            for k in range(windows + 3):
                work = [Work(s, (rng.standard_normal(hop * 640) * 0.1).astype(np.float32), hop) for s in streams]
                engine.timer.on = k >= 3 and k % 2 == 1
                wait(self.device)
                start = time.perf_counter()
                engine.step(work)
                shown = time.perf_counter()
                wait(self.device)
                if engine.timer.on:
                    stages.append(engine.timer.take())
                elif k >= 3:
                    totals.append(((shown - start) * 1000, (time.perf_counter() - start) * 1000))
            row = {
                "to_frames_ms": statistics.median(t[0] for t in totals),
                "window_ms": statistics.median(t[1] for t in totals),
                "worst_ms": max(t[1] for t in totals),
                "stages_ms": {key: statistics.median(s[key] for s in stages) for key in stages[0]},
            }
            row["streams"] = batch * hop * 40 / row["window_ms"]
            if self.device.type == "cuda":
                row["memory_gb"] = torch.cuda.max_memory_allocated() / 1e9
            self.result.setdefault("timing", {})[f"{name} batch {batch}"] = row
            parts = " ".join(f"{key} {value:.1f}" for key, value in row["stages_ms"].items())
            print(
                f"{name} batch {batch}: {row['window_ms']:.1f} ms (frames after {row['to_frames_ms']:.1f}, "
                f"worst {row['worst_ms']:.1f}), {row['streams']:.1f} streams | {parts}",
                flush=True,
            )

    def profile(self, name: str, engine: FlashHead, out: Path) -> None:
        """Which kernels one window spends its time in."""
        stream, hop = engine.open(np.full((64, 64, 3), 90, np.uint8)), engine.info.window
        work = Work(stream, np.zeros(hop * 640, np.float32), hop)
        for _ in range(2):
            engine.step([work])
        activities = [torch.profiler.ProfilerActivity.CPU]
        if self.device.type == "cuda":
            activities.append(torch.profiler.ProfilerActivity.CUDA)
        with torch.profiler.profile(activities=activities) as profile:
            engine.step([work])
            wait(self.device)
        key = "self_cuda_time_total" if self.device.type == "cuda" else "self_cpu_time_total"
        table = profile.key_averages().table(sort_by=key, row_limit=40, max_name_column_width=90)
        (out / f"profile-{name}.txt").write_text(table)
        print("\n".join(line[:92] + line[-60:] for line in table.splitlines()[:24]))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--goldens", type=Path)
    parser.add_argument("--checkpoint", type=Path, help="the golden checkpoint, where it is already written")
    parser.add_argument("--sizes", choices=("full", "tiny"), default="full")
    parser.add_argument("--parts", default="ceilings,goldens,gates,lite,pro")
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()))
    args = parser.parse_args()
    parts = args.parts.split(",")
    check = Check(args.device, args.sizes)
    device, tiny = check.device, check.tiny
    if "ceilings" in parts:
        with check.part("ceilings"):
            check.ceilings()
    root = args.checkpoint or Path(tempfile.gettempdir()) / "golden-checkpoint"
    if args.goldens and ("goldens" in parts or "gates" in parts) and not root.exists():
        with check.part("golden checkpoint"):
            subprocess.run([sys.executable, args.goldens / "make_checkpoint.py", root], check=True)
    if args.goldens and "goldens" in parts:
        with check.part("goldens"):
            check.goldens(args.goldens, root)
    small = Path(tempfile.mkdtemp())
    if tiny:
        SyntheticCheckpoint(("lite", "pro"), tiny=True).write(small)

    def build(variant: str, dtypes: DtypePolicy) -> Model:
        kernel = choose("auto", device, dtypes.dtype)
        if tiny:
            return load_model(small, variant, 64, device, dtypes, kernel)  # type: ignore[arg-type]
        return random_model(variant, 512, device, dtypes, kernel, 0)  # type: ignore[arg-type]

    float32_policy = DtypePolicy(torch.float32, torch.float32, check.low)
    low = DtypePolicy.of(check.low)
    if "gates" in parts:
        for variant in ("lite", "pro"):
            if args.goldens:
                with check.part(f"gates {variant}, golden checkpoint"):
                    pair = [
                        load_model(root, variant, 128, device, p, choose("auto", device, p.dtype))  # type: ignore[arg-type]
                        for p in (float32_policy, low)
                    ]
                    check.gates(f"{variant} golden", *pair)
            with check.part(f"gates {variant}, full depth"):
                exact = build(variant, float32_policy)
                check.gates(variant, exact, build(variant, low))
                for precision, gates in (("int8", INT8_GATES), ("fp8", GATES)):
                    rough = build(variant, DtypePolicy.of(check.low, precision))
                    check.gates(f"{variant} {precision}", exact, rough, gates, held=False)
                    del rough
                del exact
    plans = {"lite": ([1, 2, 4, 8], 10), "pro": ([1, 2], 6)}
    for variant, (batches, windows) in plans.items():
        if variant not in parts:
            continue
        with check.part(f"timing {variant}"):
            start = time.perf_counter()
            engine = FlashHead(build(variant, low))
            wait(device)
            print(f"made in {time.perf_counter() - start:.1f} s, attention {engine.info.details['attention']}")
            check.timing(variant, engine, batches if not tiny else batches[:2], windows)
            check.profile(variant, engine, args.out)
            del engine
    check.result["failed"] = check.failed
    (args.out / "check.json").write_text(json.dumps(check.result, indent=1, default=float))
    print(json.dumps(check.result, default=float))
    return 1 if check.failed else 0


if __name__ == "__main__":
    sys.exit(main())
