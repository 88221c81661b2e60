"""Looks through a data folder: what is there, what is broken. Servers may be at work in it."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from livehead.doctor.data.damage import OLD_S, Damage
from livehead.errors import LiveheadError
from livehead.files.locks import is_locked
from livehead.image_decoding import decode_image
from livehead.media.film.complete import plays
from livehead.replay.reader import ReplayFile
from livehead.store.portraits import library as portraits
from livehead.store.portraits.record import PortraitRecord, portrait_id
from livehead.store.recordings.recording import SUFFIXES, Recording, decode
from livehead.store.renders import queue as renders
from livehead.store.renders.record import RenderRecord

HIDDEN = "."


@dataclass
class Surveyed:
    """``whole`` counts what can be used, ``busy`` what a server writes just now."""

    whole: int = 0
    busy: int = 0
    damages: list[Damage] = field(default_factory=list)

    def broken(self, what: str, *paths: Path) -> None:
        self.damages.append(Damage(what, paths))


def survey_portraits(root: Path) -> Surveyed:
    """Decodes every image, and compares its pixels with its id."""
    found = Surveyed()
    for folder in _entries(root / portraits.FOLDER):
        if not folder.is_dir():
            continue
        record = folder / portraits.RECORD
        if not record.exists():
            if _is_old(folder):
                found.broken(f"portrait {folder.name} has no record", folder)
            else:
                found.busy += 1
            continue
        wrong = _portrait_fault(folder, record)
        if wrong is None:
            found.whole += 1
        else:
            found.broken(f"portrait {folder.name}: {wrong}", folder)
    return found


def survey_recordings(root: Path) -> Surveyed:
    """Opens every film and replay file that is not being written."""
    found = Surveyed()
    folder = root / "recordings"
    known: set[Path] = set()
    for sidecar in [path for path in _entries(folder) if path.suffix == ".json"]:
        try:
            recording = decode(sidecar.read_bytes())
            file = folder / recording.file
        except FileNotFoundError:
            continue
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            found.broken(f"recordings/{sidecar.name} cannot be read", sidecar)
            continue
        known.add(file)
        _look_at_recording(found, recording, sidecar, file)
    for path in _entries(folder):
        if path.suffix in SUFFIXES.values() and path not in known and _is_old(path) and not is_locked(path):
            found.broken(f"recordings/{path.name} has no record", path)
    return found


def survey_renders(root: Path) -> Surveyed:
    """Opens every film, and looks for the audio of what is still to be made."""
    found = Surveyed()
    folder = root / renders.FOLDER
    known: set[str] = set()
    for path in [path for path in _entries(folder) if path.suffix == ".json"]:
        try:
            record = renders.decode_record(path.read_bytes())
        except FileNotFoundError:
            continue
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            found.broken(f"renders/{path.name} cannot be read", path)
            continue
        known.add(record.id)
        _look_at_render(found, record, path, folder / record.id)
    for path in _entries(folder):
        if path.is_dir() and path.name not in known and _is_old(path):
            found.broken(f"renders/{path.name} has no record", path)
    return found


def survey_uses(root: Path) -> Surveyed:
    found = Surveyed()
    for path in sorted((root / "uses").glob("*/*.json")):
        try:
            int(json.loads(path.read_bytes())["used"])
        except FileNotFoundError:
            continue
        except (OSError, ValueError, TypeError, KeyError):
            found.broken(f"uses/{path.parent.name}/{path.name} cannot be read", path)
            continue
        found.whole += 1
    return found


def _portrait_fault(folder: Path, path: Path) -> str | None:
    try:
        record = PortraitRecord.model_validate_json(path.read_bytes())
        image, thumbnail = (folder / name for name in (portraits.IMAGE, portraits.THUMBNAIL))
        if record.id != folder.name:
            return f"its record is of {record.id}"
        if not thumbnail.is_file() or not thumbnail.stat().st_size:
            return "its thumbnail is missing or empty"
        pixels = np.ascontiguousarray(decode_image(image.read_bytes()))
    except ValueError:
        return "its record cannot be read"
    except OSError as error:
        return f"{Path(error.filename or folder).name} cannot be read: {error.strerror}"
    except LiveheadError:
        return "its image cannot be decoded"
    if portrait_id(record.owner, hashlib.sha256(pixels.tobytes()).hexdigest()) != record.id:
        return "its image is another one than it was made of"
    return None


def _look_at_recording(found: Surveyed, recording: Recording, sidecar: Path, file: Path) -> None:
    if recording.state == "failed":
        found.whole += 1
    elif not file.exists():
        if _is_old(sidecar):
            found.broken(f"recording {recording.id} has no file", sidecar)
        else:
            found.busy += 1
    elif is_locked(file) or recording.state == "recording":  # one that was left is completed by a server
        found.busy += 1
    elif _opens(recording, file):
        found.whole += 1
    else:
        found.broken(f"recording {recording.id}: {file.name} does not open", sidecar, file)


def _look_at_render(found: Surveyed, record: RenderRecord, path: Path, folder: Path) -> None:
    film, audio = folder / renders.FILM, folder / renders.AUDIO
    if record.is_open:
        if audio.exists() or not _is_old(path):
            found.busy += 1
        else:
            found.broken(f"render {record.id} waits, and its audio is missing", path)
    elif record.state != "done" or (film.exists() and plays(film)):
        found.whole += 1
    elif film.exists():
        found.broken(f"render {record.id}: its film does not open", path, folder)
    elif audio.exists():  # a server makes it again
        found.busy += 1
    elif path.exists():
        found.broken(f"render {record.id} is done, and its film is missing", path)


def _opens(recording: Recording, file: Path) -> bool:
    if recording.kind == "film":
        return plays(file)
    try:
        ReplayFile(file)
    except LiveheadError:
        return False
    return True


def _entries(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from sorted(path for path in folder.iterdir() if not path.name.startswith(HIDDEN))


def _is_old(path: Path) -> bool:
    try:
        return path.stat().st_mtime + OLD_S < time.time()
    except OSError:
        return False
