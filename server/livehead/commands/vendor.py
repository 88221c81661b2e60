"""``livehead vendor``: what comes from other projects, pinned."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

from livehead.commands.options import add_settings, settings_from
from livehead.errors import LiveheadError, UsageError
from livehead.models.places import models_folder
from livehead.vendor.bump import check, record, run_first_step
from livehead.vendor.interpreter import ask_interpreter
from livehead.vendor.inventory import AS_PINNED, KINDS, Item, Kind, fetch_all, verify
from livehead.vendor.sources import PUBLISHED, read_sources


def add(subparsers: Any, common: argparse.ArgumentParser, _words: Sequence[str]) -> None:
    parser = subparsers.add_parser("vendor", parents=[common], help="fetch and verify what comes from other projects")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, run, text in (
        (
            "fetch",
            fetch_files,
            "fetch the reference code, single files, and the FlashAttention wheel that fits this Python and torch; "
            "continues where an earlier run stopped",
        ),
        ("verify", verify_files, "read all of it again and compare it with what was pinned"),
        (
            "bump",
            bump,
            "after a change of the model, torch or CUDA: fetch what fits, make a first film with FlashHead, and note "
            "that this combination works",
        ),
    ):
        made = commands.add_parser(name, parents=[common], help=text, description=f"{text[0].upper()}{text[1:]}.")
        made.set_defaults(run=run)
        if name == "bump":
            made.add_argument("--check", action="store_true", help="only say what is stale; exit with 1 if anything is")
            made.add_argument("--json", action="store_true", help="with --check: print one JSON object instead")
            add_settings(made, ["variant", "models", "device"])
        else:
            made.add_argument("kinds", nargs="*", metavar="code|files|wheel", help="default: all")
        add_settings(made, ["vendor_dir"])
        made.add_argument(
            "--sources", type=Path, default=PUBLISHED, help="another list of sources than the published one"
        )


def fetch_files(args: argparse.Namespace) -> int:
    for item in fetch_all(
        read_sources(args.sources),
        settings_from(args).engine.vendor_dir,
        _kinds(args),
        ask_interpreter,
        _bar,
        show=sys.stderr.isatty(),
    ):
        if not item.needed:
            print(f"{item.path}: not fetched, {item.state}. FlashHead takes torch's own attention instead.")
            continue
        print(f"{item.path}: {item.state}, {item.licence}, {item.about}")
        if item.path.suffix == ".whl":
            print(f"Install it with: pip install --no-deps {item.path}")
    return 0


def verify_files(args: argparse.Namespace) -> int:
    wrong: list[Item] = []
    for item in verify(
        read_sources(args.sources), settings_from(args).engine.vendor_dir, _kinds(args), ask_interpreter
    ):
        print(f"{item.path}: {item.state}")
        if item.needed and item.state != AS_PINNED:
            wrong.append(item)
    if wrong:
        cure = (
            "Fetch what is missing with `livehead vendor fetch`."
            if all(item.state == "missing" for item in wrong)
            else "Move away what differs, then run `livehead vendor fetch`."
        )
        raise LiveheadError(f"Not as pinned: {', '.join(item.path.name for item in wrong)}. {cure}")
    return 0


def bump(args: argparse.Namespace) -> int:
    settings = settings_from(args)
    engine, sources = settings.engine, read_sources(args.sources)
    if args.json and not args.check:
        raise UsageError("--json goes with --check")
    if not args.check:
        for item in fetch_all(sources, engine.vendor_dir, KINDS, ask_interpreter, _bar, show=sys.stderr.isatty()):
            print(f"{item.path}: {item.state}")
        film = run_first_step(engine, models_folder(engine))
        record(engine.vendor_dir, sources, ask_interpreter(), engine.variant)
        print(f"A first film was made ({film}); noted in {engine.vendor_dir}.")
    lines = list(check(sources, engine, models_folder(engine), ask_interpreter()))
    if args.json:
        print(
            json.dumps({"ok": all(line.state != "stale" for line in lines), "checks": [asdict(line) for line in lines]})
        )
    else:
        for line in lines:
            print(f"{line.state:8} {line.name:22} {line.detail}")
            if line.cure:
                print(f"{'':31} → {line.cure}")
    if stale := [line.name for line in lines if line.state == "stale"]:
        raise LiveheadError(f"Stale: {', '.join(stale)}")
    return 0


def _kinds(args: argparse.Namespace) -> tuple[Kind, ...]:
    for name in args.kinds:
        if name not in KINDS:
            raise UsageError(f"There is no kind {name!r}. Choose from {', '.join(KINDS)}.")
    return tuple(kind for kind in KINDS if kind in args.kinds or not args.kinds)


def _bar(name: str, size: int | None) -> Callable[[int], None]:
    bar = tqdm(total=size, unit="B", unit_scale=True, desc=name, disable=not sys.stderr.isatty(), leave=False)
    return lambda count: bar.update(count)
