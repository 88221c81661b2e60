"""bench engine --streams: live sessions at the real worker, and what is printed of them. Counts, not times."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from livehead.bench.engine.plan import EnginePlan
from livehead.bench.load import measurement as load
from livehead.bench.load.calls import simulated_calls
from livehead.bench.load.search import Search
from livehead.bench.load.table import table
from livehead.cli import main
from livehead.engine.cuda_driver import cuda_devices
from livehead.errors import EngineError, UsageError

FIGURES = {"device", "variant", "size", "dtype", "synthetic", "rows", "ceiling_tflops", "cold_start_s", "memory_gb"}
ROW = {
    *("streams", "hop", "lookahead", "seconds", "windows", "frames", "in_time", "all_met", "window_ms", "step_ms"),
    *("batches", "by_batch", "busy", "opens_ms", "joins_ms", "first_window_ms", "window_p99_over_p50", "admitted"),
}


def bench(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, list[str], str]:
    code = main(["bench", "engine", *options])
    printed = capsys.readouterr()
    return code, printed.out.splitlines(), printed.err


def check(row: dict[str, Any]) -> None:
    """What holds on any machine, however slow."""
    assert row.keys() >= ROW
    frames = row["frames"]
    assert frames["asked"] == frames["in_time"] + frames["late"] + frames["never"]
    assert row["all_met"] == (frames["in_time"] == frames["asked"] > 0)
    assert sum(row["batches"].values()) == sum(each["steps"] for each in row["by_batch"]) > 0
    assert row["step_ms"]["p50"] <= row["step_ms"]["p99"] <= row["step_ms"]["max"]
    assert row["first_window_ms"] > 0


def test_each_load_is_measured_with_films_behind_it_too(capsys: pytest.CaptureFixture[str]) -> None:
    code, lines, _ = bench(
        capsys, "--engine", "preview", "--size", "64", "--streams", "1", "--renders", "2", "--seconds", "2"
    )
    assert code == 0
    alone, beside = json.loads(lines[-1])["load"]
    for each in (alone, beside):
        check(each)
        assert each["streams"] == 1
    assert alone["renders"] == {"films": 0, "frames": 0, "lost": 0, "fps": 0.0}
    assert (beside["renders"]["films"], beside["renders"]["lost"]) == (2, 0)
    assert beside["renders"]["frames"] > 0
    assert any("1 at once and 2 films behind them" in line for line in lines)


def test_sessions_live_come_and_go_at_the_preview_engine(capsys: pytest.CaptureFixture[str]) -> None:
    code, lines, _ = bench(
        capsys, "--engine", "preview", "--size", "64", "--streams", "2", "--seconds", "2.5", "--churn", "0.8",
        "--latency", "throughput",
    )  # fmt: skip
    assert code == 0
    figures = json.loads(lines[-1])
    assert figures.keys() >= FIGURES | {"ready_s", "admitted", "load", "most"}
    assert figures["rows"] == figures["most"] == []
    (row,) = figures["load"]
    check(row)
    assert (row["streams"], row["preset"], row["hop"]) == (2, "throughput", 2)
    assert row["admitted"] == figures["admitted"]["throughput"]
    churn = row["churn"]
    stayed, came = churn["stayed"], churn["came"]
    assert stayed["sessions"] == 1
    assert stayed["asked"] + came["asked"] == row["frames"]["asked"]
    assert churn["joined"] > 0
    assert row["joins_ms"]["max"] > 0
    assert row["refused"] == []
    assert any(line.lstrip().startswith("streams") for line in lines)
    assert any("deadlines met" in line for line in lines)


@pytest.mark.soak
def test_a_tiny_flashhead_holds_sessions_anywhere(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch", reason="needs the flashhead extra")
    code, lines, _ = bench(
        capsys, "--tiny", "--device", "cpu", "--dtype", "float32", "--size", "64", "--streams", "2", "--hop", "4",
        "--seconds", "2", "--seed", "4",
    )  # fmt: skip
    assert code == 0
    figures = json.loads(lines[-1])
    assert (figures["engine"], figures["variant"], figures["tiny"]) == ("flashhead", "lite", True)
    assert figures["phases"] == "random, seed 4"
    (row,) = figures["load"]
    check(row)
    assert (row["preset"], row["hop"], row["lookahead"], row["delay_ms"]) == ("low", 4, 1, 590)
    assert row["windows"] * 4 == row["frames"]["asked"]


@pytest.fixture
def _fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "PREVIEW", "fakes:create")


PREVIEW = EnginePlan(engine="preview", size=64)


@pytest.mark.usefixtures("_fake")
def test_the_most_that_hold_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "Search", lambda first: Search(3, trials=2))
    figures = load.run(load.LoadPlan(engine=PREVIEW, seconds=0.8, latency="throughput"))
    (found,) = figures["most"]
    assert found["preset"] == "throughput"
    assert found["admitted"] == figures["admitted"]["throughput"]
    assert found["trials"] == len(figures["load"]) == 2
    held = [row["streams"] for row in figures["load"] if row["all_met"]]
    assert found["held"] == max(held, default=0)
    assert "streams held every deadline" in table(figures).splitlines()[-1]


@pytest.mark.usefixtures("_fake")
def test_hops_are_measured_one_after_the_other() -> None:
    figures = load.run(load.LoadPlan(engine=PREVIEW, streams=(1, 2), hops=(2, 3), seconds=0.5, latency="balanced"))
    admitted = figures["admitted"]["balanced"]
    assert [(row["streams"], row["preset"], row["hop"], row["admitted"]) for row in figures["load"]] == [
        (1, "balanced", 2, admitted),
        (2, "balanced", 2, admitted),
        (1, "balanced", 3, None),
        (2, "balanced", 3, None),
    ]
    for row in figures["load"]:
        check(row)


@pytest.mark.usefixtures("_fake")
def test_sessions_that_speak_now_and_then() -> None:
    figures = load.run(
        load.LoadPlan(engine=PREVIEW, streams=(2,), seconds=2.0, latency="throughput", speech=0.5, seed=5)
    )
    (row,) = figures["load"]
    assert (row["preset"], row["hop"], row["governed"]) == ("throughput", 4, None)
    assert row["speech"]["share"] == 0.5
    assert row["speech"]["silent_windows"] > 0
    assert row["frames"]["asked"] == sum(row["frames"][name] for name in ("in_time", "late", "never"))
    assert row["frames"]["asked"] > 50
    assert "each speaks 50% of the time" in table(figures)


@pytest.mark.usefixtures("_fake")
def test_governed_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulated_calls, "GOVERNED_LEAD_IN_S", 0.5)
    figures = load.run(load.LoadPlan(engine=PREVIEW, streams=(1,), seconds=2.0, latency="auto"))
    (row,) = figures["load"]
    assert (row["preset"], row["hop"], row["speech"]["share"]) == ("auto", None, 1.0)
    assert sum(row["governed"]["presets"].values()) == pytest.approx(1.0, abs=0.001)
    assert row["governed"]["delay_ms"]["p50"] > 0
    assert "a governor gives each its preset" in table(figures)


@pytest.mark.parametrize(
    "options",
    [{"churn_s": 1.0}, {"renders": 1}, {"latency": "auto", "hops": (2,)}, {"latency": "auto", "allowance_s": 0.1}],
)
@pytest.mark.usefixtures("_fake")
def test_what_does_not_go_with_calls_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="--"):
        load.run(load.LoadPlan(engine=PREVIEW, streams=(1,), seconds=1.0, speech=0.4, **options))


@pytest.mark.usefixtures("_fake")
def test_what_the_model_cannot_make_is_refused() -> None:
    with pytest.raises(UsageError, match="8 at most"):
        load.run(load.LoadPlan(engine=PREVIEW, streams=(1,), hops=(9,), seconds=1.0))
    with pytest.raises(UsageError, match="there are auto, low, balanced, throughput"):
        load.run(load.LoadPlan(engine=PREVIEW, streams=(1,), seconds=1.0, latency="none"))


def test_an_engine_that_does_not_start_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "PREVIEW", "fakes:create_broken")
    with pytest.raises(EngineError, match="no device here"):
        load.run(load.LoadPlan(engine=PREVIEW, streams=(1,), seconds=1.0))


@pytest.mark.parametrize(
    "options",
    [
        ("--streams", "0"),
        ("--streams", "x"),
        ("--seconds", "1"),
        ("--churn", "0"),
        ("--allowance", "none"),
        ("--seed", "-1"),
    ],
)
def test_numbers_that_are_none_are_bad_usage(options: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    code, _, error = bench(capsys, "--engine", "preview", "--streams", "1", *options)
    assert code == 2
    assert options[0] in error


def test_what_is_missing_is_said_in_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    options = ("--streams", "1", "--device", "cpu", "--engine", "flashhead", "--models", str(tmp_path))
    code, lines, error = bench(capsys, *options)
    assert (code, lines) == (1, [])
    assert "models download lite" in error or "PyTorch" in error
    if not cuda_devices():
        code, lines, error = bench(capsys, "--synthetic", "--device", "cuda", "--streams", "1")
        assert (code, lines) == (2, [])
        assert "CUDA" in error
