"""How fast the Wan decoder's convolutions and the passes between them are on this device, by channels and frames.

    python tests/gpu/convolutions.py [--device cuda] [--size 512] [--out FILE]

What is faster with more channels than it has deserves an entry in WIDER (layers.py). JSON as the last line.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import conv2d, conv3d

sys.path.insert(0, str(Path(__file__).parents[2] / "server"))

from livehead.engine.flashhead.runtime.dtype_policy import inference_context
from livehead.engine.flashhead.vae.clip import Clip, PixelShuffle
from livehead.engine.flashhead.vae.norm_act_pad import Norm, norm_act_pad


@dataclass(frozen=True, slots=True)
class Row:
    """A 3×3×3 convolution: its own channels, those it is given, frames, and how many times smaller its frames are."""

    inputs: int
    outputs: int
    given: tuple[int, int]
    frames: int
    scale: int

    @property
    def name(self) -> str:
        wide = "" if self.given == (self.inputs, self.outputs) else f" as {self.given[0]}→{self.given[1]}"
        return f"{self.inputs}→{self.outputs}{wide}, {self.frames} frames, 1/{self.scale}"


def rows() -> Iterator[Row]:
    for given in ((96, 96), (96, 128), (128, 96), (128, 128)):
        yield Row(96, 96, given, 33, 1)
    for frames in (4, 11):
        yield Row(96, 96, (96, 96), frames, 1)
    for outputs in (8, 16, 32, 64):
        yield Row(96, 3, (96, outputs), 33, 1)
    for given in ((192, 192), (192, 256), (256, 256)):
        yield Row(192, 192, given, 33, 2)
    yield Row(192, 192, (192, 192), 11, 2)
    yield Row(192, 384, (192, 384), 17, 4)
    for frames in (17, 6):
        yield Row(384, 384, (384, 384), frames, 4)
    yield Row(384, 384, (384, 384), 9, 8)


class Bench:
    def __init__(self, device: torch.device, size: int, dtype: torch.dtype, repeat: int) -> None:
        self.device, self.size, self.dtype, self.repeat = device, size, dtype, repeat
        self.result: dict[str, Any] = {}

    def milliseconds(self, action: Callable[[], object]) -> float:
        for _ in range(2):
            action()
        self.wait()
        start = time.perf_counter()
        for _ in range(self.repeat):
            action()
        self.wait()
        return (time.perf_counter() - start) * 1000 / self.repeat

    def wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def last(self, *shape: int) -> Tensor:
        """Random values, channels last, seen channels first."""
        return torch.randn(*shape, device=self.device, dtype=self.dtype).movedim(-1, 1)

    def report(self, name: str, action: Callable[[], object], flop: float = 0.0, moved: float = 0.0) -> None:
        """One line; what fails is said and leaves the others alone."""
        try:
            ms = self.milliseconds(action)
        except RuntimeError as error:
            print(f"{name:44} {str(error).splitlines()[0]}", flush=True)
            return
        self.result[name] = {"ms": ms, "tflops": flop / ms / 1e9, "tb_s": moved / ms / 1e9}
        rate = f"{flop / ms / 1e9:7.1f} TFLOP/s" if flop else f"{moved / ms / 1e9:7.2f} TB/s"
        print(f"{name:44} {ms:8.3f} ms {rate}", flush=True)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def convolution(self, row: Row) -> None:
        side, (inputs, outputs) = self.size // row.scale, row.given
        x, weight = self.last(1, row.frames + 2, side, side, inputs), self.last(outputs, 3, 3, 3, inputs)
        flop = 2 * 27 * row.inputs * row.outputs * row.frames * side**2
        self.report(row.name, lambda: conv3d(x, weight, None, 1, (0, 1, 1)), flop)

    def upsampling(self, channels: int, frames: int, scale: int) -> None:
        """As it is done, and as it is written: the work of the latter is what both are measured by."""
        side = self.size // scale
        flop = 2 * 9 * channels * (channels // 2) * frames * 4 * side**2
        small, large = self.last(frames, side, side, channels), self.last(frames, 2 * side, 2 * side, channels)
        folded, plain = self.last(2 * channels, 2, 2, channels), self.last(channels // 2, 3, 3, channels)
        self.report(f"up from 1/{scale}, four 2×2", lambda: conv2d(small, folded, None, 1, 1), flop)
        self.report(f"up from 1/{scale}, one 3×3", lambda: conv2d(large, plain, None, 1, 1), flop)

    def time(self, channels: int, frames: int, scale: int) -> None:
        side = self.size // scale
        x, weight = self.last(1, frames + 2, side, side, channels), self.last(2 * channels, 3, 1, 1, channels)
        flop = 2 * 3 * channels * 2 * channels * frames * side**2
        self.report(f"time {channels}→{2 * channels}, {frames} frames, 1/{scale}", lambda: conv3d(x, weight), flop)

    def passes(self, channels: int, frames: int, scale: int) -> None:
        """The three kinds of pass in and between resnets. Bytes are those that must be read and written."""
        side = self.size // scale
        norm = Norm(least=1e-24 / channels, gamma=torch.ones(channels, device=self.device))
        bias = torch.zeros(channels, device=self.device)
        rows, residual = (
            torch.randn(1, frames, side, side, channels, device=self.device, dtype=self.dtype) for _ in range(2)
        )
        one = rows.numel() * rows.element_size()

        def middle() -> None:
            norm_act_pad(Clip(rows, 0, frames, channels, bias), -2, frames + 2, norm)

        def begin() -> None:
            norm_act_pad(Clip(rows, 0, frames, channels, bias, residual), -2, frames + 2, norm, keep=True)

        self.report(f"pass within a resnet, {channels}, 1/{scale}", middle, moved=2 * one)
        self.report(f"pass before a resnet, {channels}, 1/{scale}", begin, moved=4 * one)
        half = side // 2
        folded = torch.randn(1, frames, half + 1, half + 1, 4 * channels, device=self.device, dtype=self.dtype)
        shuffle, biases = PixelShuffle(space=2, shift=1), bias.repeat(4)

        def unfold() -> None:
            norm_act_pad(Clip(folded, 0, frames, channels, biases, shuffle=shuffle), -2, frames + 2, norm, keep=True)

        self.report(f"pass after an upsampling, {channels}, 1/{scale}", unfold, moved=3 * one)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    device = torch.device(args.device)
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    bench = Bench(device, args.size, dtype, args.repeat)
    with inference_context(torch.bfloat16):  # cuDNN tries which algorithm is fastest, as in the engine
        for row in rows():
            bench.convolution(row)
        for channels, frames, scale in ((192, 33, 2), (384, 33, 4), (384, 17, 8)):
            bench.upsampling(channels, frames, scale)
        bench.time(384, 16, 4)
        for channels, frames, scale in ((96, 33, 1), (192, 33, 2), (384, 17, 4)):
            bench.passes(channels, frames, scale)
    text = json.dumps(bench.result)
    if args.out:
        args.out.write_text(text)
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
