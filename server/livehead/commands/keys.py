"""``livehead keys``: make, list and revoke API keys."""

from __future__ import annotations

import argparse
import datetime
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from livehead.access.access import DEFAULT_FILE
from livehead.access.key_file import changing, read_keys
from livehead.access.keys import check_name, new_key
from livehead.commands.options import add_settings, settings_from
from livehead.errors import UsageError


def add(subparsers: Any, common: argparse.ArgumentParser, _words: Sequence[str]) -> None:
    parser = subparsers.add_parser("keys", parents=[common], help="make, list and revoke API keys")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, run, text in (
        ("new", make, "make a key, print it once, and keep its hash; a name may have several"),
        ("list", show, "show names, ids and dates of the keys"),
        (
            "revoke",
            revoke,
            "take away all keys of a name, or the one with an id; servers see it within 30 s, on SIGHUP at once",
        ),
    ):
        made = commands.add_parser(name, parents=[common], help=text, description=text)
        if name == "new":
            made.add_argument(
                "name", metavar="NAME", help="who the key is for; what is made with it belongs to the name"
            )
        if name == "revoke":
            made.add_argument("name", metavar="NAME|ID")
        add_settings(made, ["keys", "data_dir"])
        made.set_defaults(run=run)


def make(args: argparse.Namespace) -> int:
    """Only the key goes to stdout, so that ``KEY=$(livehead keys new NAME)`` works."""
    path = _file(args)
    check_name(args.name)
    key, stored = new_key(args.name, datetime.datetime.now(datetime.UTC).date().isoformat())
    with changing(path) as keys:
        others = sum(each.name == args.name for each in keys)
        keys.append(stored)
    print(key, flush=True)
    _say(
        f"Key {stored.id} for {stored.name} is in {path} as a hash; this is the only time that the key itself is shown."
    )
    if others:
        _say(f"{stored.name} has {others + 1} keys now; take an old one away with `livehead keys revoke ID`.")
    _say("Running servers read the file again within 30 s, or at once on SIGHUP.")
    return 0


def show(args: argparse.Namespace) -> int:
    path = _file(args)
    keys = read_keys(path) if path.exists() else ()
    if not keys:
        _say(f"There are no keys in {path}. Make one with `livehead keys new NAME`.")
        return 0
    width = max(len(key.name) for key in keys)
    print(f"{'NAME':<{width}}  {'ID':<8}  CREATED")
    for key in keys:
        print(f"{key.name:<{width}}  {key.id:<8}  {key.created or '-'}")
    return 0


def revoke(args: argparse.Namespace) -> int:
    path = _file(args)
    if not path.exists():
        raise UsageError(f"There is no key file {path}.")
    with changing(path) as keys:
        kept = [key for key in keys if args.name not in (key.name, key.id)]
        gone = len(keys) - len(kept)
        if not gone:
            raise UsageError(f"No key in {path} has the name or id {args.name[:80]!r}; see `livehead keys list`.")
        keys[:] = kept
    print(f"Revoked: {gone}. Running servers read the file again within 30 s, or at once on SIGHUP.")
    return 0


def _file(args: argparse.Namespace) -> Path:
    settings = settings_from(args)
    return settings.access.keys or settings.server.data_dir / DEFAULT_FILE


def _say(text: str) -> None:
    print(text, file=sys.stderr)
