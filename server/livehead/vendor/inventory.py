"""What a vendor folder holds of what is pinned, and what it lacks: code, files, and the wheel that fits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from livehead.vendor.checkout import fetch_code, inspect_code
from livehead.vendor.fetch import fetch, inspect
from livehead.vendor.interpreter import Interpreter
from livehead.vendor.sources import Source, Sources, WheelList
from livehead.vendor.wheels import NoWheelError, find_wheel, read_wheels

Kind: TypeAlias = Literal["code", "files", "wheel"]
KINDS: tuple[Kind, ...] = get_args(Kind)

AS_PINNED = "as pinned"

Progress: TypeAlias = Callable[[str, int | None], Callable[[int], None]]
"""Given a file's name and its size, the function that is told of the bytes that came."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing in the vendor folder: where, its state in words, and what it is. ``needed`` is False where it may be
    missing: a wheel that nobody publishes."""

    path: Path
    state: str
    licence: str
    about: str
    needed: bool = True


def wheel_source(wheels: WheelList, here: Interpreter) -> Source:
    """The wheel that fits, as a file to fetch. Raises :class:`~livehead.vendor.wheels.NoWheelError`."""
    wheel = find_wheel(read_wheels(wheels.list), here)
    return Source(Path(wheel.name), wheel.url, None, wheel.sha256, wheels.licence, wheels.about)


def verify(sources: Sources, root: Path, kinds: Sequence[Kind], here: Callable[[], Interpreter]) -> Iterator[Item]:
    """Read everything, and say how it is. ``here`` is asked only where it matters, as it takes seconds."""
    for code in sources.code if "code" in kinds else ():
        yield Item(root / code.folder, inspect_code(code, root), code.licence, code.about)
    for source in sources.files if "files" in kinds else ():
        yield Item(root / source.path, inspect(source, root), source.licence, source.about)
    for wheels in sources.wheels if "wheel" in kinds else ():
        try:
            source = wheel_source(wheels, here())
        except NoWheelError as error:
            yield Item(root / wheels.name, str(error), wheels.licence, wheels.about, needed=False)
        else:
            yield Item(root / source.path, inspect(source, root), source.licence, source.about)


def fetch_all(
    sources: Sources,
    root: Path,
    kinds: Sequence[Kind],
    here: Callable[[], Interpreter],
    progress: Progress,
    *,
    show: bool,
) -> Iterator[Item]:
    """Put everything in its place, one after the other. Files before code, which brings some of them too.

    Raises :class:`~livehead.vendor.fetch.FetchError`; and where nothing but a wheel was asked for and none fits,
    :class:`~livehead.vendor.wheels.NoWheelError`.
    """
    for source in sources.files if "files" in kinds else ():
        fetched = fetch(source, root, progress(source.path.name, source.size))
        yield Item(root / source.path, _said(fetched), source.licence, source.about)
    for code in sources.code if "code" in kinds else ():
        fetched = fetch_code(code, root, show_progress=show)
        yield Item(root / code.folder, _said(fetched), code.licence, code.about)
    for wheels in sources.wheels if "wheel" in kinds else ():
        try:
            source = wheel_source(wheels, here())
        except NoWheelError as error:
            if tuple(kinds) == ("wheel",):
                raise
            yield Item(root / wheels.name, str(error), wheels.licence, wheels.about, needed=False)
        else:
            fetched = fetch(source, root, progress(source.path.name, source.size))
            yield Item(root / source.path, _said(fetched), source.licence, source.about)


def _said(fetched: bool) -> str:
    return "fetched" if fetched else "there already"
