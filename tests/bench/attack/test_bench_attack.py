"""The command as a user runs it. How the machine bears it is not asserted: that the figures are there is."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest


def bench(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "livehead", "bench", "attack", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)


@pytest.mark.soak
def test_a_call_is_measured_before_during_and_after_an_attack() -> None:
    done = bench("--engine", "preview", "--size", "128", "--sessions", "1", "--seconds", "4", "--attack", "log")
    assert done.stdout, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert [phase["phase"] for phase in found["phases"]] == ["quiet", "log", "after"]
    assert done.returncode == (0 if found["held"] else 1)
    assert found["held"] == (not any(phase["faults"] for phase in found["phases"]))
    assert "every caller at 24 frames a second or more" in done.stdout
    for phase in found["phases"]:
        latency = phase["audio_to_picture_ms"]
        assert 30 < latency["p50"] <= latency["p95"]
        assert phase["fps"]["min"] > 5
        assert phase["healthz_ms"]["p50"] > 0
        assert phase["cpu_percent"]["server"] > 1
        assert phase["rss_mb"]["after"] > 50
        assert phase["descriptors"] > 5
    quiet, attacked, _ = found["phases"]
    assert quiet["attacker"] == {}
    assert sum(attacked["attacker"].values()) > 10
    assert attacked["attacker_bytes"] > 1000
    assert attacked["cpu_percent"]["attacker"] > 0


def test_an_unknown_attack_is_refused_before_anything_is_started() -> None:
    done = bench("--attack", "teardrop")
    assert done.returncode == 2
    assert done.stderr.startswith("livehead: --attack teardrop: expected names with commas between them, of offers,")
