"""bench engine, at tiny size: what it prints is what people and programs are promised."""

from __future__ import annotations

import json
from typing import Any

import pytest

from livehead.bench.engine.measurement import run
from livehead.bench.engine.plan import EnginePlan
from livehead.bench.engine.table import table
from livehead.cli import main

ROW = {"batch", "hop", "window_ms", "stages_ms", "fps", "realtime_streams", "tflops", "of_ceiling"}
FIGURES = {"device", "variant", "size", "dtype", "synthetic", "rows", "ceiling_tflops", "cold_start_s", "memory_gb"}
STAGES = {"audio", "dit", "decode", "colour", "encode", "copy"}


def bench(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, list[str], str]:
    code = main(["bench", "engine", *options])
    printed = capsys.readouterr()
    return code, printed.out.splitlines(), printed.err


@pytest.fixture
def _one_thread() -> None:
    torch = pytest.importorskip("torch", reason="needs the flashhead extra")
    torch.set_num_threads(1)


@pytest.mark.usefixtures("_one_thread")
@pytest.mark.parametrize("variant", ["lite", pytest.param("pro", marks=pytest.mark.soak)])
def test_flashhead_is_measured_at_every_batch_and_hop(variant: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, lines, _ = bench(
        capsys, "--variant", variant, "--tiny", "--device", "cpu", "--dtype", "float32", "--size", "64",
        "--batch", "1,2", "--hop", "4", "--windows", "1",
    )  # fmt: skip
    assert code == 0
    figures = json.loads(lines[-1])
    assert figures.keys() >= FIGURES | {"graph_capture_s"}
    assert figures["variant"] == variant
    assert figures["ceiling_tflops"] > 0
    assert [(row["batch"], row["hop"]) for row in figures["rows"]] == [(1, 4), (2, 4)]
    for row in figures["rows"]:
        assert row.keys() >= ROW
        assert row["stages_ms"].keys() >= STAGES
        assert 0 < row["window_ms"]["p50"] <= row["window_ms"]["p95"]
        assert row["of_ceiling"] == pytest.approx(row["tflops"] / figures["ceiling_tflops"])
        assert row["realtime_streams"] == pytest.approx(row["fps"] / 25)
    assert figures["rows"][0]["tflops"] * figures["rows"][0]["cycle_ms"] / 1000 == pytest.approx(
        figures["window_tflop"]
    )


def test_preview_is_measured_on_one_core(capsys: pytest.CaptureFixture[str]) -> None:
    code, lines, _ = bench(capsys, "--engine", "preview", "--size", "64", "--windows", "2")
    assert code == 0
    rows = json.loads(lines[-1])["rows"]
    assert [row["look"] for row in rows] == ["keep", "colour", "blur", "transparent"]
    assert all(row["frame_ms"]["p50"] > 0 and row["silent_frame_ms"]["p50"] > 0 for row in rows)
    assert "one core" in lines[0]
    assert "ms a frame" in lines[2]


def test_a_device_that_is_not_there_is_said_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    torch = pytest.importorskip("torch", reason="needs the flashhead extra")
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    code, lines, error = bench(capsys, "--synthetic", "--device", "cuda")
    assert (code, lines) == (2, [])
    assert "CUDA" in error
    assert "Traceback" not in error


@pytest.mark.parametrize("options", [("--batch", "0"), ("--hop", "x"), ("--windows", "1.5")])
def test_numbers_that_are_none_are_bad_usage(options: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    code, _, error = bench(capsys, *options)
    assert code == 2
    assert options[0] in error


def test_the_table_has_a_line_for_each_row() -> None:
    figures: dict[str, Any] = run(EnginePlan(engine="preview", size=64, windows=1))
    assert "64 px" in table(figures)
