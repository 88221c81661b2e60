"""Network namespaces of this test run, and a way into them. Linux, root."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

TUN = Path("/dev/net/tun")
FOLDER = Path("/run/netns")
PREFIX = "livehead-test"
_CLONE_NEWNET = 0x40000000
_numbers = itertools.count()


class UnavailableError(Exception):
    """This system or this user cannot make namespaces; the text says why."""


class CommandError(Exception):
    """``ip`` or ``tc`` is missing or failed; the text says how."""


def ip(*words: str, within: str | None = None, program: str = "ip") -> str:
    """Run ``ip`` (or ``tc``) and return what it prints. Raises CommandError."""
    into = [] if within is None else ["-n", within]
    done = subprocess.run([program, *into, *words], capture_output=True, text=True)
    if done.returncode:
        raise CommandError(f"{program} {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


@contextlib.contextmanager
def namespaces(*names: str) -> Iterator[dict[str, str]]:
    """Make one for each name, for the length of the block; the values are the names that ``ip netns`` knows.

    The process id is in them: runs side by side do not meet, and what a killed run left is taken away by the
    next one. Raises UnavailableError, or CommandError where a program is missing.
    """
    if not TUN.exists():
        raise UnavailableError(f"there is no {TUN}")
    for program in ("ip", "tc"):
        if shutil.which(program) is None:
            raise CommandError(f"there is no {program} (apt-get install iproute2)")
    _sweep()
    made = {name: f"{PREFIX}-{os.getpid()}-{next(_numbers)}-{name}" for name in names}
    with contextlib.ExitStack() as stack:
        for name in made.values():
            try:
                ip("netns", "add", name)
            except CommandError as error:
                raise UnavailableError(str(error)) from None
            stack.callback(ip, "netns", "delete", name)
            ip("link", "set", "dev", "lo", "up", within=name)
        yield made


@contextlib.contextmanager
def inside(name: str) -> Iterator[None]:
    """What this thread opens and starts in the block (sockets, devices, processes) is in the namespace for good."""
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    other = os.open(FOLDER / name, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _enter(other)
        yield
    finally:
        _enter(own)
        os.close(own)
        os.close(other)


def _enter(namespace: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)  # os.setns is there from Python 3.12 on
    if libc.setns(namespace, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns failed")


def _sweep() -> None:
    for found in FOLDER.glob(f"{PREFIX}-*"):
        if not Path("/proc", found.name.split("-")[2]).exists():
            with contextlib.suppress(CommandError):
                ip("netns", "delete", found.name)
