"""``livehead vendor``: what comes from other projects, pinned."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from tqdm import tqdm

from livehead.commands.options import add_settings, settings_from
from livehead.errors import LiveheadError
from livehead.vendor.fetch import fetch, inspect
from livehead.vendor.sources import PUBLISHED, read_sources


def add(subparsers: Any, common: argparse.ArgumentParser) -> None:
    parser = subparsers.add_parser("vendor", parents=[common], help="fetch and verify what comes from other projects")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, run, text in (
        ("fetch", fetch_files, "fetch the pinned files; continues where an earlier run stopped"),
        ("verify", verify_files, "read every file and compare it with what was pinned"),
    ):
        made = commands.add_parser(name, parents=[common], help=text, description=text)
        made.set_defaults(run=run)
        add_settings(made, ["vendor_dir"])
        made.add_argument(
            "--sources", type=Path, default=PUBLISHED, help="another list of files than the published one"
        )


def fetch_files(args: argparse.Namespace) -> int:
    root = settings_from(args).server.vendor_dir
    sources = read_sources(args.sources)
    for source in sources:
        with tqdm(
            total=source.size, unit="B", unit_scale=True, desc=source.path.name, disable=not sys.stderr.isatty()
        ) as bar:
            fetched = fetch(source, root, bar.update)
        print(f"{root / source.path}: {'fetched' if fetched else 'there already'}, {source.licence}, {source.about}")
    return 0


def verify_files(args: argparse.Namespace) -> int:
    root = settings_from(args).server.vendor_dir
    wrong = []
    for source in read_sources(args.sources):
        state = inspect(source, root)
        print(f"{root / source.path}: {state}")
        if state != "as pinned":
            wrong.append(source.path.name)
    if wrong:
        raise LiveheadError(f"Not as pinned: {', '.join(wrong)}. Fetch what is missing with `livehead vendor fetch`.")
    return 0
