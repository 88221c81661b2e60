"""Known vulnerabilities of what the images and a release are made of, by pip-audit, for every line of every lock.

python deploy/supply/audit.py              # and options of pip-audit, as --ignore-vuln ID

Ends with status 1 where one is known, and where a package could not be looked up: what nobody looked at is not clean.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from locks import LOCKS, path_of, read
from packaging.utils import canonicalize_name

NOT_AUDITED = "Nothing is known of them, good or bad: run this again where the vulnerability data can be reached."


def audit(lock: str, options: list[str]) -> list[str]:
    """What is wrong, in sentences; nothing where all was looked up, and is fine."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip_audit", "--require-hashes", "--disable-pip", "--progress-spinner", "off"]
        command += ["--requirement", str(path_of(lock)), "--format", "json", "--output", str(report), *options]
        done = subprocess.run(command, capture_output=True, text=True)
        if not report.exists() or not report.read_text():
            return [f"{lock}: pip-audit could not look anything up: {_last_line(done.stderr)}. {NOT_AUDITED}"]
        found: list[dict[str, Any]] = json.loads(report.read_text())["dependencies"]
    skipped = {canonicalize_name(each["name"]) for each in found if "skip_reason" in each}
    looked_up = {canonicalize_name(each["name"]) for each in found if "skip_reason" not in each}
    here = {each.name for each in read(lock) if each.requirement.marker is None or each.requirement.marker.evaluate()}
    missing = here - looked_up - skipped
    wrong = [
        f"{lock}: {each['name']} {each['version']}: {flaw['id']}, mended in {', '.join(flaw['fix_versions']) or 'none'}"
        for each in found
        for flaw in each.get("vulns", ())
    ]
    if unknown := sorted({*skipped, *missing}):
        names = ", ".join(unknown[:3]) + (", …" if len(unknown) > 3 else "")
        wrong.append(f"{lock}: {len(unknown)} packages could not be looked up ({names}). {NOT_AUDITED}")
    return wrong


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it said nothing"])[-1][:300]


if __name__ == "__main__":
    problems = [problem for lock in LOCKS for problem in audit(lock, sys.argv[1:])]
    if problems:
        sys.exit("\n".join(problems))
    print(f"No known vulnerability in {', '.join(LOCKS)}.")
