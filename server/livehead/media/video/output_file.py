"""The file that a command writes a video to: there under its name when it is complete, or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from livehead.errors import MediaError, UsageError


def check_output(out: Path, *sources: Path) -> None:
    """Raises :class:`~livehead.errors.UsageError` for an ``out`` that cannot be right, which is also one that is among
    the ``sources``, and :class:`~livehead.errors.MediaError` where there is no folder for it."""
    if out.suffix.lower() != ".mp4":
        raise UsageError(f"The output {out} must end in .mp4: MP4 files are all that is written.")
    if out.is_dir():
        raise UsageError(f"The output {out} is a folder. Name a file.")
    if not out.parent.is_dir():
        raise MediaError(f"There is no folder {out.parent} to write {out.name} to. Make it first.")
    if out.exists() and any(source.exists() and out.samefile(source) for source in sources):
        raise UsageError(f"The output {out} is also an input. Name another file.")


@contextmanager
def replacing(out: Path) -> Iterator[Path]:
    """A new file beside ``out``. It replaces ``out`` at the end of the context, and is removed after an exception.

    Raises :class:`~livehead.errors.MediaError` where the folder cannot be written to.
    """
    part = out.with_name(f".livehead-{secrets.token_hex(6)}.part")
    try:
        part.touch(exist_ok=False)
    except OSError as error:
        raise MediaError(f"Cannot write to the folder {out.parent}: {error.strerror}.") from None
    try:
        yield part
        try:
            os.replace(part, out)
        except OSError as error:
            raise MediaError(f"{out} cannot be written: {error.strerror}.") from None
    finally:
        part.unlink(missing_ok=True)
