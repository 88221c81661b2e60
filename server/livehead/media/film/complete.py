"""A film in fragments becomes an ordinary MP4, its index at the front: players can seek in it."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import av

from livehead.files.whole import put_in_place
from livehead.media.video.provenance import xmp_box

SPARE = 64 * 1024 * 1024
"""Bytes of the disk that are left alone; where there is less, the film stays as it is."""


def complete(path: Path, temporary: Path, tags: Mapping[str, str]) -> float:
    """Copy the film, put the copy in its place, and return its length in seconds. Nothing is encoded anew.

    Raises ``OSError`` and ``av.FFmpegError`` where it cannot be read, or there is no room; the film stays then.
    """
    if shutil.disk_usage(path.parent).free < path.stat().st_size + SPARE:
        raise OSError(f"there is no room for a copy of {path.name}")
    try:
        with open(temporary, "xb", opener=_private) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            seconds = _copy(path, temporary, tags)
            file.seek(0, os.SEEK_END)
            file.write(xmp_box(tags))
            file.flush()
            put_in_place(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return seconds


def length(path: Path) -> float:
    """Seconds of a film's picture. Raises ``OSError`` and ``av.FFmpegError``."""
    with av.open(str(path)) as film:
        return max((_end(packet) for packet in film.demux(video=0)), default=0.0)


def plays(path: Path) -> bool:
    """Whether anything of a film's picture can be read. Of a file that is gone meanwhile nothing can."""
    try:
        return length(path) > 0
    except (OSError, ValueError, IndexError, av.FFmpegError):
        return False


def _copy(path: Path, temporary: Path, tags: Mapping[str, str]) -> float:
    options = {"movflags": "+faststart+use_metadata_tags", "fflags": "+bitexact"}
    seconds = 0.0
    with av.open(str(path)) as source, av.open(str(temporary), "w", format="mp4", options=options) as copy:
        copy.metadata.update(tags)
        streams = {stream.index: copy.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.dts is None or packet.is_corrupt:  # the end, or cut off
                continue
            if packet.stream.type == "video":
                seconds = max(seconds, _end(packet))
            packet.stream = streams[packet.stream_index]
            copy.mux(packet)
    return seconds


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _end(packet: av.Packet[Any]) -> float:
    if packet.pts is None or packet.time_base is None:
        return 0.0
    return float((packet.pts + (packet.duration or 0)) * packet.time_base)
