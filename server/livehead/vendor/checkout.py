"""Reference code at a pinned commit, by git, which hashes what it takes: a commit's name is a checksum of its files.

What is in the folder besides, such as models, stays. Files come all at once or not at all, by renaming; a transfer that
breaks off leaves nothing and is made again (git cannot resume one; the code is some tens of megabytes).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from livehead.vendor.fetch import FetchError
from livehead.vendor.requirements import pinned, without_pin
from livehead.vendor.sources import Code

REQUIREMENTS = "requirements.txt"

_ENVIRONMENT = {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C.UTF-8"}


def inspect_code(code: Code, root: Path) -> str:
    """``as pinned``, ``missing``, or what is wrong, in words. Reads every file."""
    folder = root / code.folder
    if not (folder / ".git").exists():
        return "missing"
    at = _git(folder, "rev-parse", "--verify", "--quiet", "HEAD", check=False).strip()
    if at != code.commit:
        return f"at commit {at[:12]}, not at {code.commit[:12]}" if at else "not completely fetched"
    changed = _changed(folder)
    if absent := [name for name in changed if not (folder / name).is_file()]:
        return f"{absent[0]} is missing"
    requirements = folder / REQUIREMENTS
    if requirements.is_file() and (line := pinned(requirements.read_text())):
        return f"{REQUIREMENTS} pins {line}, which torch contradicts"
    if REQUIREMENTS in changed and requirements.read_text() == _requirements(folder):
        changed.remove(REQUIREMENTS)
    if changed:
        return f"{changed[0]} was changed"
    return "as pinned"


def fetch_code(code: Code, root: Path, *, show_progress: bool = False) -> bool:
    """Put the files in their place below ``root``, with nvidia-nccl-cu12 unpinned. False where they are there already.

    Raises :class:`FetchError`, with what to do next; files that are there and differ are left alone.
    """
    folder = root / code.folder
    state = inspect_code(code, root)
    if state == "as pinned":
        return False
    if state.startswith("at commit"):
        raise FetchError(
            f"{folder} is {state}. Move it away, or run `git -C {folder} fetch {code.repository} {code.commit}` and "
            f"`git -C {folder} checkout {code.commit}`."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _git(folder, "init", "--quiet", "--template=", check=True)
        _transfer(folder, code, show_progress)
        with tempfile.TemporaryDirectory(prefix=".checkout-", dir=folder) as made:
            new = Path(made)
            _git(folder, "read-tree", code.commit)
            _git(folder, "checkout-index", "--all", f"--prefix={new}/")
            if (new / REQUIREMENTS).is_file():
                text = (new / REQUIREMENTS).read_text()
                (new / REQUIREMENTS).write_text(without_pin(text))
            _move(new, folder)
        _git(folder, "update-ref", "--no-deref", "HEAD", code.commit)
    except OSError as error:
        raise FetchError(f"{folder} cannot be written: {error.strerror}.") from None
    return True


def _transfer(folder: Path, code: Code, show_progress: bool) -> None:
    command = ["fetch", "--depth=1", "--no-tags", *(["--progress"] if show_progress else ["--quiet"])]
    done = subprocess.run(
        _command(folder, *command, code.repository, code.commit),
        env=os.environ | _ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stderr=sys.stderr if show_progress else subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        said = (done.stderr or "git says why above").strip().splitlines()[-1]
        raise FetchError(
            f"{code.repository} at {code.commit[:12]} cannot be fetched: {said}. Check the connection, then run the "
            "same command again."
        )


def _move(new: Path, folder: Path) -> None:
    """Rename every file into its place. Raises :class:`FetchError` before the first one if any is there and differs."""
    files = sorted(path for path in new.rglob("*") if path.is_symlink() or path.is_file())
    missing = []
    for path in files:
        place = folder / path.relative_to(new)
        if not place.exists():
            missing.append((path, place))
        elif place.name != REQUIREMENTS and place.read_bytes() != path.read_bytes():
            raise FetchError(f"{place} is not the pinned file. Move it away, then run the same command again.")
        elif place.name == REQUIREMENTS and pinned(place.read_text()):
            missing.append((path, place))
    for path, place in missing:
        place.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, place)


def _changed(folder: Path) -> list[str]:
    """The names of files that are not what the commit says. With an index of its own: git believes the times of files
    that it has seen before, and does not read them again."""
    with tempfile.TemporaryDirectory() as made:
        index = {"GIT_INDEX_FILE": f"{made}/index"}
        _git(folder, "read-tree", "HEAD", more=index)
        _git(folder, "update-index", "-q", "--refresh", check=False, more=index)
        return _git(folder, "-c", "core.quotePath=off", "diff-index", "--name-only", "HEAD", more=index).splitlines()


def _requirements(folder: Path) -> str:
    return without_pin(_git(folder, "show", f"HEAD:{REQUIREMENTS}"))


def _command(folder: Path, *words: str) -> list[str]:
    git = shutil.which("git")
    if git is None:
        raise FetchError("git is not installed; the reference code is fetched and checked by it. Install git.")
    return [git, "-C", str(folder), *words]


def _git(folder: Path, *words: str, check: bool = True, more: Mapping[str, str] = {}) -> str:
    done = subprocess.run(
        _command(folder, *words),
        env={**os.environ, **_ENVIRONMENT, **more},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if check and done.returncode != 0:
        raise FetchError(
            f"git {words[0]} failed in {folder}: {(done.stderr.strip().splitlines() or ['no reason'])[-1]}"
        )
    return done.stdout
