"""``livehead doctor``: what works here, what is missing, and what to do about it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import livehead
from livehead.commands.options import add_settings, settings_from
from livehead.doctor.environment import Environment
from livehead.doctor.examination import examine, examine_data
from livehead.doctor.finding import Finding, Group
from livehead.doctor.plan import flashhead_plan
from livehead.errors import LiveheadError, UsageError
from livehead.settings import Settings

SETTINGS = (
    "host",
    "port",
    "engine",
    "variant",
    "models",
    "vendor_dir",
    "device",
    "attention",
    "size",
    "memory",
    "data_dir",
    "bucket",
    "keys",
    "tls_cert",
    "tls_key",
    "udp_ports",
    "public_address",
)

TITLES: Mapping[Group, str] = {
    "machine": "This machine",
    "flashhead": "FlashHead, the neural engine",
    "media": "Codecs and portraits",
    "network": "Network",
    "docker": "Docker",
    "data": "Data",
}


def add(subparsers: Any, common: argparse.ArgumentParser, _words: Sequence[str]) -> None:
    parser = subparsers.add_parser(
        "doctor",
        parents=[common],
        help="check this machine and the settings, and say what is missing",
        description="Check this machine and the settings, and say what is missing. Give it the options that livehead "
        "serve will have. It exits with 1 where serve could not do what they ask for.",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")
    parser.add_argument(
        "--docker", action="store_true", help="check docker in any case, and start a container that looks for the card"
    )
    parser.add_argument("--hashes", action="store_true", help="read all of the weights and compare their hashes")
    parser.add_argument(
        "--data", action="store_true", help="look through the data folder instead; servers may go on meanwhile"
    )
    parser.add_argument(
        "--fix", action="store_true", help="with --data: move what is broken to the folder lost in it, delete nothing"
    )
    add_settings(parser, SETTINGS)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    settings = settings_from(args)
    if args.fix and not args.data:
        raise UsageError("--fix mends the data folder: give --data, too.")
    findings: list[Finding] = []
    environment = Environment()
    if args.data:
        found_by = examine_data(settings, environment, fix=args.fix)
    else:
        found_by = examine(settings, environment, docker=args.docker, hashes=args.hashes)
    for finding in found_by:
        if not args.json:
            if not findings or findings[-1].group != finding.group:
                print(f"{'' if not findings else chr(10)}{TITLES[finding.group]}")
            print(f"{finding.state:5} {finding.name:18} {finding.detail}", flush=True)
            if finding.cure:
                print(f"{'':24} → {finding.cure}", flush=True)
        findings.append(finding)
    failed = [finding.name for finding in findings if finding.state == "fail"]
    if args.json:
        found = [asdict(finding) for finding in findings]
        print(json.dumps({"version": livehead.__version__, "ok": not failed, "findings": found}))
    elif not args.data:
        _print_plan(settings, findings)
    if failed and args.data:
        raise LiveheadError(f"the data folder cannot be used as it is: {', '.join(failed)}")
    if failed:
        raise LiveheadError(f"livehead serve cannot do what its settings ask for: {', '.join(failed)}")
    return 0


def _print_plan(settings: Settings, findings: Sequence[Finding]) -> None:
    """What is missing for FlashHead, unless somebody asked for the preview engine."""
    if settings.engine.engine == "preview":
        return
    steps = flashhead_plan(findings)
    if not steps:
        return
    print("\nFor FlashHead this is missing, in the order to do it:")
    for number, step in enumerate(steps, 1):
        print(f"  {number}. {step.name}: {step.detail}\n     → {step.cure}")
    if settings.engine.engine == "auto":
        print("Until then livehead serve takes the preview engine, which needs none of it.")
