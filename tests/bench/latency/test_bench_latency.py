"""The command as a user runs it: a server of its own, real calls, a table, and JSON in the last line."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.latency.command import bench, figures
from livehead.bench.latency.breakdown import PARTS
from serving import running

SPEECH = Path(__file__).parents[2] / "data" / "speech.flac"
PROMISED = {
    "sessions", "seconds", "audio_to_picture_ms", "skew_ms", "fps", "freezes", "repeated", "dropped", "connect_ms",
    "first_picture_ms", "failed", "server",
}  # fmt: skip


def test_a_server_of_its_own_is_measured_from_all_sides(tmp_path: Path) -> None:
    frame = tmp_path / "histogram.svg"
    done = bench("--engine", "preview", "--size", "128", "--seconds", "6", "--sessions", "2", "--histogram", str(frame))
    found = figures(done)
    assert set(found) >= PROMISED
    assert (found["sessions"], found["seconds"], found["failed"]) == (2, 6, 0)
    latency = found["audio_to_picture_ms"]
    assert set(latency) == {"p50", "p95", "p99"}
    assert 40 < latency["p50"] <= latency["p95"] <= latency["p99"] < 1000
    assert 20 < found["burst_to_picture_ms"]["p50"] < latency["p99"] + 45
    assert found["frames"] > 150
    assert found["fps"]["mean"] > 15
    assert found["skew_ms"]["p50"] < 60
    assert 0 < found["connect_ms"]["p50"] < found["first_picture_ms"]["p50"]
    assert found["server"]["cpu_percent"] > 1
    assert found["server"]["rss_mb"] > 50
    parts = found["breakdown_ms"]
    assert tuple(parts["mean"]) == PARTS
    assert abs(parts["sum"] - parts["total"]) <= 5
    assert parts["frames"] > 0.8 * found["frames"]
    assert parts["mean"]["buffer"] >= 39
    assert min(parts["mean"].values()) >= -1
    assert parts["mean"]["capture"] < 40  # what is left over: it is small only where the others are right
    assert found["floor_ms"] < latency["p95"]
    assert "<svg" in frame.read_text()
    assert "Where the time goes" in done.stdout


def test_another_server_is_measured_by_its_address_with_speech_over_a_bad_network(tmp_path: Path) -> None:
    with running(tmp_path, "--engine", "preview", "--size", "128") as server:
        done = bench(
            "--url", server.url, "--seconds", "6", "--audio", str(SPEECH), "--loss", "0.02", "--jitter", "20",
            "--latency", "balanced", "--rate", "3000",
        )  # fmt: skip
    found = figures(done)
    assert found["server"] == {"cpu_percent": None, "rss_mb": None}
    assert found["burst_to_picture_ms"] is None
    assert found["audio_to_picture_ms"]["p50"] > 40
    assert found["skew_ms"]["p50"] < 60
    assert found["breakdown_ms"]["clock_uncertainty_ms"] < 500
    conditions = found["conditions"]
    assert (conditions["loss"], conditions["rate_kbit"], conditions["latency"]) == (0.02, 3000, "balanced")
    assert "loss 2.0%, jitter 20 ms, 3000 kbit/s" in done.stdout


@pytest.mark.soak
def test_more_sessions_than_the_server_takes_are_counted_as_failed(tmp_path: Path) -> None:
    with running(tmp_path, "--engine", "preview", "--size", "128", "--max-sessions", "1") as server:
        found = figures(bench("--url", server.url, "--seconds", "3", "--sessions", "2"))
    assert found["failed"] == 1
    assert "503" in found["errors"][0]
