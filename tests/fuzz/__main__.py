"""``python -m fuzz``: every decoder under atheris, then the search for its slowest input.

Prints a line for each target, and ends with status 1 where one failed, or where one input holds the event loop for
longer than it may.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path

from fuzz.cost import seconds
from fuzz.slowest import HOLD_S, FaultError, Found, slowest
from fuzz.target import NAMES, load


@dataclass(frozen=True, slots=True)
class Figures:
    """``inputs`` of up to ``steps`` messages in ``seconds`` of the engine; the slowest input of all in milliseconds
    and bytes."""

    target: str
    steps: int
    inputs: int
    seconds: int
    failures: int
    slowest_ms: float
    slowest_bytes: int


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", default=NAMES, metavar="TARGET", help=", ".join(NAMES))
    parser.add_argument("--inputs", type=int, default=1_000_000, help="inputs for each target (1000000)")
    parser.add_argument("--seconds", type=int, default=0, help="longest time for each target (none)")
    parser.add_argument("--tries", type=int, default=5_000, help="inputs of the search for the slowest (5000)")
    parser.add_argument("--out", type=Path, default=Path("artifacts/fuzz"), help="folder for what is found")
    args = parser.parse_args(arguments)
    failed = False
    for name in args.targets:
        figures = _fuzz(name, args.inputs, args.seconds, args.tries, args.out / name)
        failed |= figures.failures > 0 or figures.slowest_ms > HOLD_S * 1000 * figures.steps
        print(json.dumps(asdict(figures)), flush=True)
    return int(failed)


def _fuzz(name: str, inputs: int, longest: int, tries: int, folder: Path) -> Figures:
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "fuzz.engine", name, str(folder), f"-runs={inputs}", "-seed=1"]
    if longest:
        command.append(f"-max_total_time={longest}")
    began = time.monotonic()
    with (folder / "log").open("wb") as log:
        status = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=False).returncode
    took = round(time.monotonic() - began)
    text = (folder / "log").read_text(errors="replace")
    done = re.search(r"stat::number_of_executed_units: +(\d+)", text)
    failures = int(status != 0)
    target = load(name)
    try:
        found = slowest(target, tries)
    except FaultError as error:
        traceback.print_exception(error)
        (folder / "crash-slowest").write_bytes(error.data)
        failures, found = failures + 1, Found(0.0, b"")
    kept = folder / "slowest"
    if kept.exists() and not failures:
        data = kept.read_bytes()
        found = max(found, Found(seconds(target.run, data, 7), data))
    kept.write_bytes(found.data)
    executed = int(done[1]) if done is not None else 0
    return Figures(name, target.steps, executed, took, failures, round(found.cost * 1000, 2), len(found.data))


if __name__ == "__main__":
    sys.exit(main())
