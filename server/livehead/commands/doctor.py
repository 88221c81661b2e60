"""``livehead doctor``: what works here, what is missing, and what to do about it."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import Any

import livehead
from livehead.commands.options import add_settings, settings_from
from livehead.doctor.examination import examine
from livehead.errors import LiveheadError

SETTINGS = ("host", "port", "engine", "variant", "models", "device", "data_dir", "tls_cert", "tls_key")


def add(subparsers: Any, common: argparse.ArgumentParser) -> None:
    parser = subparsers.add_parser(
        "doctor", parents=[common], help="check this machine and the settings, and say what is missing"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")
    add_settings(parser, SETTINGS)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    findings = []
    for finding in examine(settings_from(args)):
        findings.append(finding)
        if not args.json:
            print(f"{finding.state:5} {finding.name:18} {finding.detail}", flush=True)
            if finding.cure:
                print(f"{'':24} → {finding.cure}", flush=True)
    failed = [finding.name for finding in findings if finding.state == "fail"]
    if args.json:
        found = [asdict(finding) for finding in findings]
        print(json.dumps({"version": livehead.__version__, "ok": not failed, "findings": found}))
    if failed:
        raise LiveheadError(f"livehead serve cannot do what its settings ask for: {', '.join(failed)}")
    return 0
