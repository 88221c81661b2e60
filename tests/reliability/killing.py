"""Kills a writer of a data folder, and looks what is left. It has no threads, so that it can fork.

python killing.py every FOLDER                 # before each call to the system, of each kind of change
python killing.py random FOLDER TIMES SEED     # at random, again and again, in one folder
python killing.py write FOLDER                 # add things until it is killed, and say so, line by line
python killing.py read FOLDER                  # what is there

Prints a line of JSON: how many were killed, and of which changes; it fails with a traceback where something is lost.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import select
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from livehead.files.whole import TEMPORARY
from reliability.kept import Kept, State, hurry

CALLS = ("open", "fsync", "replace", "rename", "unlink", "mkdir", "rmdir", "chmod")
"""Between any two of them a file is written, and nothing else happens to the folder."""

CHANGES: dict[str, tuple[str, ...]] = {
    "add_portrait": (),
    "rename_portrait": ("add_portrait",),
    "remove_portrait": ("add_portrait",),
    "add_key": (),
    "revoke_key": ("add_key",),
    "spend": (),
    "ask_for_render": (),
    "make_render": ("ask_for_render",),
    "forget_render": ("ask_for_render", "make_render"),
    "record_film": (),
    "remove_film": ("record_film",),
}
"""Each with those before it."""

LOCKS = (".lock", ".alive", "/lock", "completing")

SLOWEST_S = 0.03
"""A random kill comes so much after the beginning of a change at the latest; a film takes longer."""

FILMS_S = 0.3


def every(root: Path) -> Counter[str]:
    killed: Counter[str] = Counter()
    for change, before in CHANGES.items():
        number = 0
        while True:
            folder = root / f"{change}-{number}"
            kept = Kept(folder)
            for each in ("add_portrait", "add_key", "spend"):
                getattr(kept, each)(99)
            for each in before:
                getattr(kept, each)(1)
            kept.close()
            old = Kept(folder).state()
            status = _forked(partial(_run, folder, change, number))
            found = Kept(folder).state()
            if os.WIFEXITED(status):
                assert os.WEXITSTATUS(status) == 0, f"{change} failed"
                break
            differing = {name for name in old.keys() | found.keys() if old.get(name) != found.get(name)}
            assert differing <= {_name(change)}, f"{change}, killed at call {number}: {differing} changed"
            _check_value(change, old, found)
            killed[change] += 1
            number += 1
            shutil.rmtree(folder)
    return killed


def at_random(root: Path, times: int, seed: int) -> Counter[str]:
    chance = random.Random(seed)
    killed: Counter[str] = Counter()
    expected: State = {}
    number = 0
    for _ in range(times):
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.close(reading)
            _write_on(root, number, seed + number, writing)
        os.close(writing)
        time.sleep(chance.uniform(0, FILMS_S if chance.random() < 0.3 else SLOWEST_S))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), "the writer failed"
        current = None
        for line in _lines(reading):
            told = json.loads(line)
            number = max(number, told["number"] + 1)
            current = told
            if "value" in told:
                current = None
                _put(expected, told["name"], told["value"])
        found = Kept(root).state()
        differing = {name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)}
        allowed = set() if current is None else {current["name"]}
        assert differing <= allowed, f"{current}: {[(n, expected.get(n), found.get(n)) for n in differing]}"
        if current is not None:
            _check_value(current["change"], expected, found, current["name"])
        expected = found
        killed["between" if current is None else current["change"]] += 1
    return killed


def _write_on(root: Path, number: int, seed: int, pipe: int, *, only_more: bool = False) -> None:
    """Change after change, each said before and after it, until it is killed."""
    chance = random.Random(seed)
    kept = Kept(root)
    try:
        while True:
            for change in chance.sample(sorted(CHANGES), len(CHANGES)):
                if only_more and change.startswith(("remove", "revoke", "forget")):
                    continue
                if "film" in change and chance.random() < 0.8:  # it takes longer than all others together
                    continue
                number += 1
                of = number
                for each in (*CHANGES[change], change):
                    name = _name(each, of)
                    _say(pipe, {"number": number, "change": each, "name": name})
                    _, value = getattr(kept, each)(of)
                    _say(pipe, {"number": number, "change": each, "name": name, "value": value})
    except BaseException:  # noqa: BLE001 - of a child that ends here
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(1)


def _check_value(change: str, old: State, found: State, name: str = "") -> None:
    """What was being changed is as before or as after; a render that was being made waits, and a film has its
    beginning."""
    name = name or _name(change)
    before, after = old.get(name), found.get(name)
    allowed: dict[str, Callable[[str | None], bool]] = {
        "remove": lambda value: value is None,
        "revoke": lambda value: value is None,
        "forget": lambda value: value is None,
        "record": lambda value: value is None or value.startswith(("cut-short", "done")),
        "make": lambda value: value is not None and value.startswith("done"),
    }
    fits = allowed.get(change.partition("_")[0], lambda value: value is not None)
    assert after == before or fits(after), f"{change}: {name} was {before!r} and is {after!r}"


def _name(change: str, number: int = 1) -> str:
    kind = "uses" if change == "spend" else change.rpartition("_")[2]
    return f"{kind} {number}"


def _put(state: State, name: str, value: str | None) -> None:
    if value is None:
        state.pop(name, None)
    else:
        state[name] = value


def _say(pipe: int, told: dict[str, Any]) -> None:
    os.write(pipe, json.dumps(told).encode() + b"\n")


def _lines(pipe: int) -> list[bytes]:
    data = b""
    while select.select([pipe], [], [], 0)[0] and (piece := os.read(pipe, 65536)):
        data += piece
    os.close(pipe)
    return data.splitlines()


def _forked(work: Callable[[], None]) -> int:
    child = os.fork()
    if not child:
        try:
            work()
            os._exit(0)
        except BaseException:  # noqa: BLE001 - of a child that ends here
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(1)
    return os.waitpid(child, 0)[1]


def _run(folder: Path, change: str, number: int) -> None:
    """Make a change, and end before its ``number``-th call to the system. One that comes to its end has flushed to the
    disk whatever it has renamed, and every folder that it has changed."""
    made: list[tuple[str, str, str]] = []
    calls = itertools.count()

    def watched(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **keywords: Any) -> Any:
            if next(calls) == number:
                os.kill(os.getpid(), signal.SIGKILL)
            first = os.readlink(f"/proc/self/fd/{args[0]}") if isinstance(args[0], int) else os.fspath(args[0])
            second = os.fspath(args[1]) if name in ("replace", "rename") else ""
            returned = real(*args, **keywords)
            made.append((name, first, second))
            return returned

        return call

    kept = Kept(folder)
    for name in CALLS:
        setattr(os, name, watched(name, getattr(os, name)))
    getattr(kept, change)(1)
    _check_flushed(made)


def _check_flushed(made: list[tuple[str, str, str]]) -> None:
    for at, (name, first, second) in enumerate(made):
        place = second or first
        if place.endswith(LOCKS) or "/.shared" in place or f"/{TEMPORARY}" in place:
            continue
        after = {path for call, path, _ in made[at:] if call == "fsync"}
        if name in ("replace", "rename", "mkdir", "unlink") and os.path.isdir(os.path.dirname(place)):
            assert os.path.dirname(place) in after, f"{name} {place}: its folder is not flushed"
        if name == "replace":
            assert ("fsync", first, "") in made[:at], f"{first} was not flushed before it became {place}"


def main() -> int:
    hurry()
    root = Path(sys.argv[2])
    if sys.argv[1] == "write":
        _write_on(root, 0, 1, sys.stdout.fileno(), only_more=True)
    if sys.argv[1] == "read":
        print(json.dumps(Kept(root).state()))
        return 0
    killed = every(root) if sys.argv[1] == "every" else at_random(root / "data", int(sys.argv[3]), int(sys.argv[4]))
    print(json.dumps(killed))
    return 0


if __name__ == "__main__":
    sys.exit(main())
