"""What the machine lacks: cores, memory, disk, shared memory, a clock that is kept right, packages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from doctor.fake_environment import FakeEnvironment
from livehead.doctor.environment import Environment, Outcome
from livehead.doctor.machine import check_clock, check_disk, check_machine, check_shared_memory
from livehead.doctor.packages import check_flashhead_packages, check_packages
from livehead.engine.free_memory import free_gb
from livehead.settings import load

SHM = {"/dev/shm": ""}
NTP = "timedatectl show"


@pytest.mark.parametrize(
    ("check", "given", "settings", "state", "words"),
    [
        (check_disk, {}, {}, "ok", "100.0 GB free"),
        (check_disk, {"read_only": True}, {"data_dir": "/srv/x"}, "fail", "cannot write to /srv/x"),
        (check_disk, {"disk": {"/srv/x": (0.1, 9.0)}}, {"data_dir": "/srv/x"}, "warn", "Free 0.512 GB"),
        (check_shared_memory, {"files": SHM}, {}, "ok", "frames do not pass through it"),
        (check_shared_memory, {}, {}, "ok", "does not need it"),
        (check_shared_memory, {"files": SHM, "disk": {"/dev/shm": (0.06, 0.064)}}, {}, "ok", "0.1 GB"),
        (
            check_shared_memory,
            {"files": SHM, "disk": {"/dev/shm": (0.06, 0.067)}, "modules": ("ray",)},
            {},
            "warn",
            "67 MB, and Ray keeps its objects there docker run --shm-size=2g",
        ),
        (
            check_clock,
            {"commands": {NTP: Outcome(0, "yes\n")}, "clock": None},
            {},
            "ok",
            "2026-05-04 12:00:00 UTC, kept",
        ),
        (check_clock, {"commands": {NTP: Outcome(0, "no\n")}}, {}, "warn", "sudo timedatectl set-ntp true"),
        (check_clock, {"commands": {NTP: Outcome(1, "Host is down\n")}, "clock": True}, {}, "ok", "kept right"),
        (check_clock, {"clock": False}, {"turn_secret": "hush"}, "warn", "TURN credentials, which live for 600 s"),
        (check_clock, {"clock": False, "files": {"/.dockerenv": ""}}, {}, "ok", "the host's"),
        (check_clock, {"clock": None}, {}, "ok", "cannot be told"),
    ],
)
def test_the_machine(check: Any, given: dict[str, Any], settings: dict[str, Any], state: str, words: str) -> None:
    (found,) = check(load(settings), FakeEnvironment(**given))
    assert found.state == state
    assert words in f"{found.detail} {found.cure}"
    assert bool(found.cure) == (state != "ok")
    assert "hush" not in f"{found.detail} {found.cure}"


def test_few_cores_and_little_memory() -> None:
    cores, memory = check_machine(load({"engine": "flashhead"}), FakeEnvironment(core_count=1.0, memory_free_gb=5.0))
    assert (cores.state, memory.state) == ("warn", "warn")
    assert "6 GB" in memory.cure
    assert {each.state for each in check_machine(load({}), FakeEnvironment(memory_free_gb=5.0))} == {"ok"}


def test_versions_that_are_wrong_and_packages_that_are_missing() -> None:
    there = {"av": "17.0.2", "numpy": "2.4.6", "opencv-python-headless": "5.0.0.1"}
    wanted = ["av>=17.1", "numpy>=1.26", "opencv-python-headless<5,>=4.10", "aiortc>=1.14"]
    wanted.append("torch>=2.8 ; extra == 'flashhead'")
    wanted.append("ruff>=1; extra == 'test'")
    environment = FakeEnvironment(packages=there, wanted=wanted)
    (needed,) = check_packages(load({}), environment)
    assert needed.state == "fail"
    for words in ("av 17.0.2", ">=17.1", "opencv-python-headless 5.0.0.1", "<5", "aiortc is missing"):
        assert words in needed.detail
    assert "numpy" not in needed.detail
    (flashhead,) = check_flashhead_packages(load({"engine": "auto"}), environment)
    assert (flashhead.state, flashhead.detail) == ("warn", "torch is missing")
    assert next(check_flashhead_packages(load({"engine": "flashhead"}), environment)).state == "fail"
    (uninstalled,) = check_packages(load({}), FakeEnvironment(wanted=None))
    assert uninstalled.state == "warn"


def test_memory_is_what_a_container_leaves(tmp_path: Path) -> None:
    assert free_gb(4_000_000_000, tmp_path) == pytest.approx(4.0)
    (tmp_path / "memory.max").write_text("3000000000\n")
    (tmp_path / "memory.current").write_text("1000000000\n")
    assert free_gb(4_000_000_000, tmp_path) == pytest.approx(2.0)
    (tmp_path / "memory.max").write_text("max\n")
    assert free_gb(4_000_000_000, tmp_path) == pytest.approx(4.0)


def test_this_machine_answers_whatever_it_is() -> None:
    here = Environment()
    assert here.run("true").status == 0
    assert here.run("no-such-command-anywhere").status is None
    assert here.run("sleep", "60", seconds=0.05).status is None
    assert here.clock_synchronised() in (True, False, None)
    assert here.nvidia_cards() >= 0
    assert here.disk_gb(Path("/no/such/folder"))[1] > 0
    assert here.read("/no/such/file") is None
    assert "127.0.0.1" in here.addresses()
