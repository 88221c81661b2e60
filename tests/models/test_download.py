"""``livehead models``: downloads from a hub that breaks off, checks, and synthetic weights."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from livehead.errors import UsageError
from livehead.models.pins import of_variants, read_pins
from livehead.vendor.sources import PUBLISHED
from models.hub import Hub

pytest.importorskip("huggingface_hub", reason="needs the flashhead extra")
pytest.importorskip("torch", reason="needs the flashhead extra")

from livehead.engine.flashhead.weights.synthesize import SyntheticCheckpoint

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FLASHHEAD, WAV2VEC2 = "Soul-AILab/SoulX-FlashHead-1_3B", "facebook/wav2vec2-base-960h"
MODEL = "Model_Lite/diffusion_pytorch_model.safetensors"

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("published")
    SyntheticCheckpoint(("lite", "pro"), tiny=True).write(root)
    return root


@pytest.fixture
def hub(checkpoint: Path) -> Iterator[Hub]:
    files, large = {}, set()
    for repo in (FLASHHEAD, WAV2VEC2):
        folder = checkpoint / repo.split("/")[1]
        for path in folder.rglob("*"):
            if path.is_file():
                name = f"{repo}/{path.relative_to(folder).as_posix()}"
                files[name] = path.read_bytes()
                if path.suffix != ".json":
                    large.add(name)
    files[f"{FLASHHEAD}/README.md"] = b"not wanted"
    with Hub(COMMIT, files, large) as hub:
        yield hub


@pytest.fixture
def pins(tmp_path: Path, hub: Hub) -> Path:
    """The published list, with the sizes, checksums and revision of the test's hub."""
    lines = [
        f'[repos.{name}]\nid = "{repo}"\nrevision = "{COMMIT}"\nfolder = "{repo.split("/")[1]}"\n'
        for name, repo in (("flashhead", FLASHHEAD), ("wav2vec2", WAV2VEC2))
    ]
    for pin in read_pins():
        data = hub.files.get(f"{pin.repo}/{pin.path}")
        assert data is not None
        name = "flashhead" if pin.repo == FLASHHEAD else "wav2vec2"
        lines.append(f'[[weights]]\nrepo = "{name}"\npath = "{pin.path}"\nvariants = {list(pin.variants)}')
        if pin.sha256 is not None:
            lines.append(f'size = {len(data)}\nsha256 = "{hashlib.sha256(data).hexdigest()}"')
    # The cut-down Wan autoencoder has a config.json, the published one has none.
    lines.append('[[weights]]\nrepo = "flashhead"\npath = "VAE_Wan/config.json"\nvariants = ["pro"]')
    path = tmp_path / "pins.toml"
    path.write_text("\n".join(lines))
    return path


@pytest.fixture
def run(hub: Hub, pins: Path, tmp_path: Path) -> Run:
    def run(*args: str) -> subprocess.CompletedProcess[str]:
        env = os.environ | {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf"), "OMP_NUM_THREADS": "1"}
        places = ["--models", str(tmp_path / "models"), "--pins", str(pins)]
        command = [sys.executable, "-m", "livehead", "models", *args, *places]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)

    return run


def test_download_brings_what_one_variant_needs(run: Run, hub: Hub, tmp_path: Path, checkpoint: Path) -> None:
    done = run("download", "lite")
    assert done.returncode == 0, done.stderr
    assert "6 files" in done.stdout
    root = tmp_path / "models"
    files = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    assert files == {pin.local.as_posix() for pin in of_variants(read_pins(), ["lite"])} | {"livehead-downloads.json"}
    for name in files - {"livehead-downloads.json"}:
        assert (tmp_path / "models" / name).read_bytes() == (checkpoint / name).read_bytes()
    before = dict(hub.sent)
    again = run("download", "lite")
    assert "0 of them downloaded now" in again.stdout
    assert hub.sent == before
    assert run("verify").returncode == 0
    assert run("download", "pro").returncode == 0
    checked = run("verify")
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.count("as published") == 10
    assert "pro: all tensors" in checked.stdout


def test_a_download_that_breaks_goes_on_where_it_stopped(run: Run, hub: Hub, pins: Path, tmp_path: Path) -> None:
    name = f"{FLASHHEAD}/{MODEL}"
    data = os.urandom(64 << 20)  # the hub's client writes 10 MiB at a time
    old, hub.files[name] = hub.files[name], data
    text = pins.read_text().replace(hashlib.sha256(old).hexdigest(), hashlib.sha256(data).hexdigest())
    pins.write_text(text.replace(f"size = {len(old)}", f"size = {len(data)}"))
    hub.cut, hub.cuts = name, 2
    broken = run("download", "lite")
    assert broken.returncode == 1
    assert "same command again" in broken.stderr
    assert len(broken.stderr.strip().splitlines()) == 1
    path = tmp_path / "models" / FLASHHEAD.split("/")[1] / MODEL
    partial = path.with_name(path.name + ".partial")
    kept = partial.stat().st_size
    assert len(data) // 2 <= kept < len(data)
    assert "download not finished" in run("list").stdout
    hub.down = False
    done = run("download", "lite")
    assert done.returncode == 0, done.stderr
    assert (name, kept) in hub.ranges
    assert hub.sent[f"/store/{name}"] <= len(data) + 2 * (10 << 20)
    assert path.read_bytes() == data
    assert not partial.exists()


def test_content_that_is_not_what_was_pinned_is_not_kept(run: Run, hub: Hub, tmp_path: Path) -> None:
    name = f"{FLASHHEAD}/{MODEL}"
    hub.lie[name] = bytes(len(hub.files[name]))
    done = run("download", "lite")
    assert done.returncode == 1
    assert "damaged" in done.stderr
    folder = tmp_path / "models" / FLASHHEAD.split("/")[1] / "Model_Lite"
    assert [path.name for path in folder.iterdir()] == ["config.json"]


@pytest.mark.soak
def test_a_hub_with_other_files_or_another_revision(run: Run, hub: Hub) -> None:
    name = f"{FLASHHEAD}/{MODEL}"
    hub.files[name] += b"more"
    done = run("download", "lite")
    assert done.returncode == 1
    assert "not the file that was pinned" in done.stderr
    hub.commit = "f" * 40
    done = run("download", "pro")
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1


def test_verify_finds_what_was_damaged_later(run: Run, tmp_path: Path) -> None:
    assert run("download", "lite").returncode == 0
    path = tmp_path / "models" / FLASHHEAD.split("/")[1] / MODEL
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    done = run("verify", "lite")
    assert done.returncode == 1
    assert str(path) in done.stderr
    assert "damaged" in done.stderr


@pytest.mark.soak
def test_verify_names_what_is_missing(run: Run, tmp_path: Path) -> None:
    nothing = run("verify")
    assert nothing.returncode == 1
    assert "models download" in nothing.stderr
    assert run("download", "lite").returncode == 0
    shutil.rmtree(tmp_path / "models" / "wav2vec2-base-960h")
    done = run("verify")
    assert done.returncode == 1
    assert "wav2vec2-base-960h" in done.stderr


@pytest.mark.soak
def test_files_that_were_there_before(run: Run, checkpoint: Path, tmp_path: Path, hub: Hub) -> None:
    shutil.copytree(checkpoint, tmp_path / "models")
    done = run("download", "lite")
    assert done.returncode == 0, done.stderr
    assert not any(key.startswith("/store/") for key in hub.sent)
    (tmp_path / "models" / "livehead-downloads.json").unlink()
    (tmp_path / "models" / "wav2vec2-base-960h" / "model.safetensors").write_bytes(b"mine")
    done = run("download", "lite")
    assert done.returncode == 1
    assert "Move it away" in done.stderr


def test_synthetic_weights_verify_and_are_not_taken_for_the_published_ones(run: Run, tmp_path: Path) -> None:
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "livehead", "models", "synthesize", str(tmp_path / "made"), "--tiny"]
    made = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    command = [sys.executable, "-m", "livehead", "models", "verify", "--models", str(tmp_path / "made")]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "not the published file" in done.stdout
    assert "as published" not in done.stdout


@pytest.mark.parametrize("args", [["download", "huge"], ["verify", "huge"], ["fetch"], []])
def test_bad_usage(args: list[str], run: Run) -> None:
    done = run(*args)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1


def test_the_published_pins() -> None:
    pins = read_pins()
    assert {pin.variants for pin in pins} == {("lite",), ("pro",), ("lite", "pro")}
    assert all(len(pin.revision) == 40 for pin in pins)
    assert all(pin.sha256 is None or len(pin.sha256) == 64 for pin in pins)
    assert sum(pin.size or 0 for pin in of_variants(pins, ["lite"])) == 6_107_542_048 + 1_676_798_532 + 377_607_901
    assert PUBLISHED.is_file()


def test_pins_that_cannot_be_read(tmp_path: Path) -> None:
    for text in ("[", "[repos]", '[repos.a]\nid = "a"\n[[weights]]\nrepo = "b"'):
        (tmp_path / "pins.toml").write_text(text)
        with pytest.raises(UsageError, match="weights"):
            read_pins(tmp_path / "pins.toml")
