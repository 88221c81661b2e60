"""The two lines of docs/storage.md, while something writes: what was there is in the backup, whole."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fault_rows import Recovery

PROGRAM = Path(__file__).with_name("killing.py")
PAGE = Path(__file__).parents[2] / "docs" / "storage.md"
ENOUGH = 30


def read(folder: Path) -> dict[str, str]:
    command = [sys.executable, str(PROGRAM), "read", str(folder)]
    environment = os.environ | {"PYTHONPATH": str(PROGRAM.parents[1])}
    ended = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(ended.stdout))


@pytest.mark.fault(
    "storage",
    "The data folder is lost, and restored from a backup that was made while it was written to",
    "All that was kept when the backup began is there.",
)
def test_backup_while_it_is_written_to(tmp_path: Path, recovery: Recovery) -> None:
    lines = re.search(r"^    (tar .*)\n    (mkdir .*)\n", PAGE.read_text(), re.MULTILINE)
    assert lines is not None
    backup, restore = (
        line.replace("/srv/livehead", str(tmp_path / "data"))
        .replace("/srv/restored", str(tmp_path / "restored"))
        .replace("backup.tar", str(tmp_path / "backup.tar"))
        for line in lines.groups()
    )
    writer = subprocess.Popen(
        [sys.executable, str(PROGRAM), "write", str(tmp_path / "data")],
        env=os.environ | {"PYTHONPATH": str(PROGRAM.parents[1])},
        stdout=subprocess.PIPE,
    )
    assert writer.stdout is not None
    kept: dict[str, str] = {}
    touched: set[str] = set()
    try:
        while len(kept) < ENOUGH:
            told = json.loads(writer.stdout.readline())
            if "value" in told:
                kept[told["name"]] = told["value"]
        subprocess.run(["bash", "-ec", backup], check=True)
    finally:
        writer.kill()
        rest, _ = writer.communicate()
    touched = {json.loads(line)["name"] for line in rest.splitlines()}
    subprocess.run(["bash", "-ec", restore], check=True)
    restored = read(tmp_path / "restored")
    for name, value in kept.items():
        assert restored.get(name) == value or name in touched, name
        assert name in restored
    recovery(f"{len(restored)} portraits, films, renders and keys, {len(rest.splitlines()) // 2} changes meanwhile")
