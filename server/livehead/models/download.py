"""Downloading pinned files from the hub (HF_ENDPOINT), in one run or in several: no byte is fetched twice.

Not by ``hf_hub_download``: huggingface_hub 2.4 writes to a temporary file with a random name and deletes it
after a failure (huggingface_hub pull request 4228), so a broken download of 6 GB starts again from nothing, and it
never hashes what arrived. Here the part that arrived stays beside its place, ``http_get`` continues it, and the whole
is hashed before it is moved there."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import get_hf_file_metadata, hf_hub_url
from huggingface_hub.file_download import http_get

from livehead.errors import LiveheadError
from livehead.models.pins import Pin
from livehead.models.records import Record, hash_blob, hash_file, read_records, write_record

_AGAIN = "Run the same command again; it goes on where it stopped."


class DownloadError(LiveheadError):
    """A file could not be fetched, or is not what was pinned."""


@dataclass(frozen=True, slots=True)
class Remote:
    """What the hub says about a file. ``checksum`` is a SHA-256 for large files, a git blob name for small ones."""

    url: str
    size: int
    checksum: str


def download(pins: Sequence[Pin], root: Path) -> list[Path]:
    """Put every pinned file in its place below ``root``, verified. Returns those that were fetched now.

    Raises DownloadError, with what to do next.
    """
    for name in ("httpx", "httpx2", "huggingface_hub"):
        logging.getLogger(name).setLevel(logging.ERROR)  # they log every request and every retry
    root.mkdir(parents=True, exist_ok=True)
    fetched = []
    for pin in pins:
        if not _is_there(pin, root):
            _fetch(pin, root)
            fetched.append(root / pin.local)
    return fetched


def _is_there(pin: Pin, root: Path) -> bool:
    path = root / pin.local
    if not path.exists():
        return False
    record = read_records(root).get(pin.local.as_posix())
    if record is not None and (record.revision, record.size) == (pin.revision, path.stat().st_size):
        return True
    if pin.sha256 is None:
        return False
    print(f"{path} exists already; checking it")
    found = hash_file(path)
    if found != pin.sha256:
        raise DownloadError(f"{path} is not the published file. Move it away, then run the same command again.")
    write_record(root, pin.local, Record(pin.repo, pin.revision, path.stat().st_size, found))
    return True


def _fetch(pin: Pin, root: Path) -> None:
    path = root / pin.local
    remote = _ask(pin)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    done = partial.stat().st_size if partial.exists() else 0
    if done > remote.size:
        partial.unlink()
        done = 0
    free = shutil.disk_usage(path.parent).free
    if remote.size - done > free:
        raise DownloadError(
            f"{root} has {free / 1e9:.1f} GB free; {path.name} needs {(remote.size - done) / 1e9:.1f} GB."
        )
    try:
        with partial.open("ab") as file:
            http_get(remote.url, file, resume_size=done, expected_size=remote.size, displayed_filename=pin.path)
    except Exception as error:  # noqa: BLE001 - the errors of whichever HTTP library the hub's client is built on
        raise DownloadError(
            f"{pin.repo}/{pin.path} was not completely downloaded ({_first_line(error)}). {_AGAIN}"
        ) from None
    if partial.stat().st_size != remote.size:
        raise DownloadError(f"{pin.repo}/{pin.path} was not completely downloaded. {_AGAIN}")
    found = hash_file(partial)
    small = len(remote.checksum) == 40
    if (hash_blob(partial) if small else found) != remote.checksum or found != (pin.sha256 or found):
        partial.unlink()
        raise DownloadError(f"{pin.repo}/{pin.path} arrived damaged and was deleted. Run the same command again.")
    partial.replace(path)
    write_record(root, pin.local, Record(pin.repo, pin.revision, remote.size, found))


def _ask(pin: Pin) -> Remote:
    """What the hub has at the pinned revision. Raises DownloadError where that is not what was pinned."""
    try:
        metadata = get_hf_file_metadata(hf_hub_url(pin.repo, pin.path, revision=pin.revision))
    except Exception as error:  # noqa: BLE001 - the errors of whichever HTTP library the hub's client is built on
        raise DownloadError(
            f"The hub did not answer for {pin.repo}/{pin.path} ({_first_line(error)}). "
            "Check the connection (and HF_ENDPOINT, where a mirror is used), then run the same command again."
        ) from None
    checksum = metadata.etag or ""
    if metadata.commit_hash != pin.revision or metadata.size is None:
        raise DownloadError(
            f"The hub serves {pin.repo} at {metadata.commit_hash}, not at the pinned revision {pin.revision}. "
            "If HF_ENDPOINT names a mirror, use another."
        )
    if not re.fullmatch(r"[0-9a-f]{64}|[0-9a-f]{40}", checksum):
        raise DownloadError(
            f"The hub gives no checksum for {pin.repo}/{pin.path}. If HF_ENDPOINT names a mirror, use another."
        )
    if pin.size not in (None, metadata.size) or (len(checksum) == 64 and checksum != (pin.sha256 or checksum)):
        raise DownloadError(
            f"{pin.repo}/{pin.path} on the hub is not the file that was pinned ({metadata.size:,} bytes, "
            f"checksum {checksum}). If HF_ENDPOINT names a mirror, use another."
        )
    return Remote(metadata.location, metadata.size, checksum)


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
