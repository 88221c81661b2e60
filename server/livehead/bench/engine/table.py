"""The figures of ``livehead bench engine`` as a table for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def table(figures: Mapping[str, Any]) -> str:
    """Lines to be printed; the JSON follows them."""
    if figures["engine"] == "preview":
        lines = [f"preview, {figures['size']} px, one core", ""]
        lines.append(f"{'background':<12}{'ms a frame':>12}{'p95':>8}{'silent':>9}{'p95':>8}{'streams':>9}")
        for row in figures["rows"]:
            frame, silent = row["frame_ms"], row["silent_frame_ms"]
            numbers = f"{frame['p50']:>12.2f}{frame['p95']:>8.2f}{silent['p50']:>9.2f}{silent['p95']:>8.2f}"
            numbers += f"{row['realtime_streams']:>9.1f}"
            lines.append(f"{row['look']:<12}{numbers}")
        return "\n".join(lines)
    weights = ", random weights" if figures["synthetic"] else ""
    precision = "" if figures["precision"] == "exact" else f", {figures['precision']} matmuls"
    lines = [
        f"FlashHead {figures['variant']}, {figures['size']} px, {figures['dtype']}, {figures['attention']} attention"
        f"{precision}{weights}; {figures['device']}",
        f"ceilings: {figures['ceiling_tflops']:.4g} TFLOP/s matmul, {figures['ceiling_copy_tb_s']:.2f} TB/s copy, "
        f"{figures['ceiling_host_gb_s']:.0f} GB/s to the host; a window is {figures['window_tflop']:.3g} TFLOP",
        f"from nothing to ready {figures['cold_start_s']:.1f} s, of which warming up and graphs "
        f"{figures['graph_capture_s']:.1f} s; larger batches {figures['larger_batches_s']:.1f} s behind that",
        *_memory(figures["memory"]),
        "",
    ]
    names = list(figures["rows"][0]["stages_ms"])
    heads = ["batch", "hop", "p50 ms", "p95 ms", "cycle", *names, "TFLOP/s", "of best", "streams"]
    lines.append("".join(f"{head:>9}" for head in heads))
    for row in figures["rows"]:
        window = row["window_ms"]
        cells = [str(row["batch"]), str(row["hop"]), f"{window['p50']:.1f}", f"{window['p95']:.1f}"]
        cells += [f"{row['cycle_ms']:.1f}", *(f"{row['stages_ms'][name]:.2f}" for name in names)]
        cells += [f"{row['tflops']:.4g}", f"{row['of_ceiling']:.0%}", f"{row['realtime_streams']:.1f}"]
        lines.append("".join(f"{cell:>9}" for cell in cells))
    return "\n".join(lines)


def _memory(memory: Mapping[str, float] | None) -> list[str]:
    if memory is None:
        return []
    return [
        f"GPU memory: weights {memory['weights_gb']:.2f} GB, graphs {memory['graphs_gb']:.2f} GB, a stream "
        f"{memory['stream_mb']:.0f} MB; {memory['reserved_gb']:.2f} GB reserved, {memory['peak_gb']:.2f} GB at most"
    ]
