"""The data folder: what is there, what is broken, and what ``--fix`` has done about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from livehead.access.access import find_key_file
from livehead.access.key_file import read_keys
from livehead.doctor.data.damage import LOST, move_to_lost
from livehead.doctor.data.survey import (
    Surveyed,
    survey_portraits,
    survey_recordings,
    survey_renders,
    survey_uses,
)
from livehead.doctor.environment import Environment
from livehead.doctor.finding import Finding, fail, ok, warn
from livehead.errors import LiveheadError, UsageError
from livehead.files.locks import is_locked
from livehead.files.whole import sweep, unfinished
from livehead.settings import Settings
from livehead.store.layout import LAYOUT, check_layout, read_layout
from livehead.store.objects.folder import SHARED, FolderStore
from livehead.store.renders.queue import FOLDER as RENDERS
from livehead.store.renders.queue import decode_record

SHOWN = 5
"""Broken things that are named; the others are counted."""

FIX = "livehead doctor --data --fix, with the same options, moves what is broken to {}"

SURVEYS: Mapping[str, Callable[[Path], Surveyed]] = {
    "portraits": survey_portraits,
    "recordings": survey_recordings,
    "renders": survey_renders,
    "token uses": survey_uses,
}


def check_data_folder(settings: Settings, fix: bool) -> Iterator[Finding]:
    """Which one, and of which version."""
    root, objects = settings.server.data_dir, FolderStore(settings.server.data_dir)
    if settings.store.bucket is not None:
        yield ok(
            "bucket",
            f"{settings.store.bucket} is not looked through: in a bucket an object appears when all of it is there. "
            "What follows is the folder of this server's own files",
        )
    if not root.exists():
        yield ok("data folder", f"{root.absolute()} is not there yet; it is made with the first thing that is kept")
        return
    try:
        check_layout(objects)
        layout = read_layout(objects)
    except LiveheadError as error:
        yield fail("data folder", str(error), "Use the version of Livehead that wrote it, or another --data-dir.")
        return
    said = "of 0.2 or older" if layout is None else f"layout {layout}"
    yield ok("data folder", f"{root.absolute()}, {said}; this version knows {LAYOUT}")


def check_keys(settings: Settings, fix: bool) -> Iterator[Finding]:
    """Whether they can be read, by this user alone."""
    try:
        path = find_key_file(settings)
        if path is None:
            yield ok("keys", "there is no key file: everybody who reaches the server may use it")
            return
        keys = read_keys(path)
        mode = path.stat().st_mode & 0o777
    except (UsageError, OSError) as error:
        yield fail("keys", str(error), "Restore it from a backup, or make new keys with livehead keys new.")
        return
    if not mode & 0o077:
        yield ok("keys", f"{len(keys)} in {path}")
    elif fix:
        path.chmod(0o600)
        yield ok("keys", f"{len(keys)} in {path}; other users could read it, and now cannot")
    else:
        yield warn("keys", f"{len(keys)} in {path}, which other users may read ({mode:03o})", f"chmod 600 {path}")


def check_kept(settings: Settings, environment: Environment, fix: bool) -> Iterator[Finding]:
    """Everything that can be opened is."""
    root = settings.server.data_dir
    for name, survey in SURVEYS.items():
        found = survey(root)
        said = f"{found.whole} whole" + (f", {found.busy} being made" if found.busy else "")
        if not found.damages:
            yield ok(name, said)
            continue
        broken = "; ".join(each.what for each in found.damages[:SHOWN])
        more = len(found.damages) - SHOWN
        said += f", {len(found.damages)} broken: {broken}" + (f"; and {more} more" if more > 0 else "")
        if fix:
            moved = move_to_lost(root, found.damages, environment.now())
            yield ok(name, f"{said}; moved to {moved.absolute()}")
        else:
            yield warn(name, said, FIX.format((root / LOST).absolute()))


def check_unfinished(settings: Settings, fix: bool) -> Iterator[Finding]:
    """What processes that were killed have left, and what is being written."""
    root = settings.server.data_dir
    folders = [root, *(path for path in sorted(root.glob("*")) if path.is_dir() and path.name != LOST), root / SHARED]
    folders += [path for path in sorted(root.glob("*/*")) if path.is_dir() and path.parts[-2] != LOST]
    there = [path for folder in folders if folder.is_dir() for path in unfinished(folder)]
    left = [path for path in there if path.is_dir() or not is_locked(path)]
    said = f"{len(there) - len(left)} being written"
    if not left:
        yield ok("unfinished files", said)
    elif fix:
        removed = sum(sweep(folder) for folder in folders)
        yield ok("unfinished files", f"{said}; {removed} that a killed process had left are removed")
    else:
        cure = "Nothing; the next server removes them, or livehead doctor --data --fix."
        yield ok("unfinished files", f"{said}, {len(left)} left by a killed process. {cure}")


def check_leases(settings: Settings, fix: bool) -> Iterator[Finding]:
    """Renders that say which server makes them."""
    root, objects = settings.server.data_dir, FolderStore(settings.server.data_dir)
    made = waiting = 0
    for path in sorted((root / RENDERS).glob("*.json")):
        try:
            record = decode_record(path.read_bytes())
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            continue  # told with the renders
        if record.state == "running" and record.server is not None:
            gone = objects.is_gone(record.server)
            made, waiting = made + (not gone), waiting + gone
    yield ok("leases", f"{made} renders are made now, {waiting} wait for a server, as theirs has ended")
