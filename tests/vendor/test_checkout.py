"""The reference code: a commit, fetched by git beside what is in the folder already, with nvidia-nccl-cu12 unpinned."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from livehead.vendor.checkout import fetch_code, inspect_code
from livehead.vendor.fetch import FetchError
from livehead.vendor.requirements import pinned, without_pin
from livehead.vendor.sources import Code

PINNED = "torchvision\nnvidia-nccl-cu12==2.27.3\nxformers==0.0.31\n"


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@a.example", "-c", "commit.gpgSign=false"]
    return subprocess.run(["git", *who, "-C", str(folder), *words], check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Code:
    """A repository of two commits, the first of which is pinned."""
    folder = tmp_path_factory.mktemp("upstream")
    git(folder, "init", "--quiet")
    (folder / "examples").mkdir()
    (folder / "requirements.txt").write_text(PINNED)
    (folder / "run.py").write_text("print('run')\n")
    (folder / "examples/girl.png").write_bytes(b"face")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message=first")
    commit = git(folder, "rev-parse", "HEAD").strip()
    (folder / "run.py").write_text("print('run faster')\n")
    git(folder, "commit", "--quiet", "--all", "--message=second")
    return Code(Path("Reference"), str(folder), commit, "Apache-2.0", "code")


@pytest.fixture
def fetched(code: Code, tmp_path: Path) -> Path:
    assert fetch_code(code, tmp_path)
    return tmp_path / code.folder


def test_the_pinned_commit_comes_with_nccl_unpinned(code: Code, fetched: Path, tmp_path: Path) -> None:
    assert (fetched / "run.py").read_text() == "print('run')\n"
    assert (fetched / "requirements.txt").read_text() == (
        "torchvision\n# nvidia-nccl-cu12==2.27.3\nnvidia-nccl-cu12\nxformers==0.0.31\n"
    )
    assert inspect_code(code, tmp_path) == "as pinned"
    assert not fetch_code(code, tmp_path)
    assert {path.name for path in fetched.iterdir()} == {".git", "examples", "requirements.txt", "run.py"}


def test_what_was_in_the_folder_stays(code: Code, tmp_path: Path) -> None:
    folder = tmp_path / code.folder
    (folder / "examples").mkdir(parents=True)
    (folder / "models").mkdir()
    (folder / "examples/girl.png").write_bytes(b"face")
    (folder / "models/weights").write_bytes(b"weights")
    assert inspect_code(code, tmp_path) == "missing"
    assert fetch_code(code, tmp_path)
    assert inspect_code(code, tmp_path) == "as pinned"
    assert (folder / "models/weights").read_bytes() == b"weights"


def test_a_file_of_ones_own_is_left_alone_and_nothing_is_put_beside_it(code: Code, tmp_path: Path) -> None:
    folder = tmp_path / code.folder
    folder.mkdir()
    (folder / "run.py").write_text("mine\n")
    with pytest.raises(FetchError, match="Move it away"):
        fetch_code(code, tmp_path)
    assert (folder / "run.py").read_text() == "mine\n"
    assert {path.name for path in folder.iterdir()} == {".git", "run.py"}
    assert inspect_code(code, tmp_path) == "not completely fetched"


def test_a_transfer_that_fails_is_made_again(code: Code, tmp_path: Path) -> None:
    away = replace(code, repository=str(tmp_path / "nowhere"))
    with pytest.raises(FetchError, match="cannot be fetched") as error:
        fetch_code(away, tmp_path)
    assert "\n" not in str(error.value)
    assert inspect_code(code, tmp_path) == "not completely fetched"
    assert fetch_code(code, tmp_path)
    assert inspect_code(code, tmp_path) == "as pinned"


def test_files_that_were_lost_come_back(code: Code, fetched: Path, tmp_path: Path) -> None:
    (fetched / "run.py").unlink()
    assert inspect_code(code, tmp_path) == "run.py is missing"
    assert fetch_code(code, tmp_path)
    assert inspect_code(code, tmp_path) == "as pinned"


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("run.py", "print('nur')\n", "run.py was changed"),
        ("requirements.txt", "torchvision\n", "requirements.txt was changed"),
        ("requirements.txt", PINNED, "pins nvidia-nccl-cu12==2.27.3"),
    ],
)
def test_what_was_changed_is_seen(code: Code, fetched: Path, tmp_path: Path, name: str, text: str, words: str) -> None:
    (fetched / name).write_text(text)
    assert words in inspect_code(code, tmp_path)


def test_a_pin_that_came_back_is_taken_out_again(code: Code, fetched: Path, tmp_path: Path) -> None:
    (fetched / "requirements.txt").write_text(PINNED)
    assert fetch_code(code, tmp_path)
    assert inspect_code(code, tmp_path) == "as pinned"


def test_a_clone_at_another_commit_is_named(code: Code, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", code.repository, str(tmp_path / code.folder))
    assert "not at" in inspect_code(code, tmp_path)
    with pytest.raises(FetchError, match=r"git -C .* checkout"):
        fetch_code(code, tmp_path)
    git(tmp_path / code.folder, "checkout", "--quiet", code.commit)
    assert "pins nvidia-nccl-cu12" in inspect_code(code, tmp_path)


def test_without_git_it_says_so(code: Code, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FetchError, match="Install git"):
        fetch_code(code, tmp_path)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("nvidia-nccl-cu12\n", None),
        ("# nvidia-nccl-cu12==2.27.3\nnvidia-nccl-cu12\n", None),
        ("nvidia-nccl-cu12 # ==2.27.3\n", None),
        ("nvidia-nccl-cu12-extra==1\n", None),
        ("  NVIDIA-NCCL-cu12 == 2.27.3  # a comment\n", "NVIDIA-NCCL-cu12 == 2.27.3  # a comment"),
        ("nvidia-nccl-cu12>=2.26\n", "nvidia-nccl-cu12>=2.26"),
    ],
)
def test_the_rule(text: str, line: str | None) -> None:
    assert pinned(text) == line
    assert pinned(without_pin(text)) is None
