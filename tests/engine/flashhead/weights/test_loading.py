"""Loading is strict: what is wrong with a checkpoint is said with the file, the tensor and the cure."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from livehead.engine.flashhead.generator import FlashHead
from livehead.engine.flashhead.weights.config import Variant
from livehead.engine.flashhead.weights.files import SafetensorsFile
from livehead.errors import CheckpointError

MODEL = Path("SoulX-FlashHead-1_3B/Model_Lite/diffusion_pytorch_model.safetensors")
LTX = Path("SoulX-FlashHead-1_3B/VAE_LTX/diffusion_pytorch_model.safetensors")
WAN = Path("SoulX-FlashHead-1_3B/VAE_Wan/Wan2.1_VAE.pth")
AUDIO = Path("wav2vec2-base-960h/model.safetensors")
FILES = [MODEL, LTX, AUDIO]

PROJ2 = "audio_proj.proj2.weight"


@pytest.fixture
def checkpoint(tiny_checkpoint: Path, tmp_path: Path) -> Path:
    """A checkpoint to spoil."""
    return Path(shutil.copytree(tiny_checkpoint, tmp_path / "models"))


def load(root: Path, variant: Variant = "lite") -> FlashHead:
    return FlashHead.load(root, variant=variant, size=64, device="cpu", dtype="float32")


def refusal(root: Path, variant: Variant = "lite") -> str:
    with pytest.raises(CheckpointError) as caught:
        load(root, variant)
    message = str(caught.value)
    assert "livehead models download" in message
    return message


def change(path: Path, edit: Callable[[dict[str, torch.Tensor]], Any]) -> None:
    tensors = load_file(path)
    edit(tensors)
    save_file(tensors, path)


@pytest.mark.parametrize("variant", ["lite", "pro"])
def test_every_tensor_arrives_where_it_belongs(variant: Variant, tiny_checkpoint: Path) -> None:
    engine = load(tiny_checkpoint, variant)
    assert engine.info.details["weights"] == str(tiny_checkpoint)
    block = engine.model.dit.blocks[1]
    folder = "Model_Lite" if variant == "lite" else "Model_Pro"
    tensors = load_file(tiny_checkpoint / "SoulX-FlashHead-1_3B" / folder / MODEL.name)
    assert torch.equal(block.qkv[48:96], tensors["blocks.1.self_attn.k.weight"])
    assert torch.equal(engine.model.dit.cross_attention.key_value[3], tensors["blocks.1.cross_attn.v.weight"])
    assert torch.equal(block.down_bias, tensors["blocks.1.ffn.2.bias"])


@pytest.mark.parametrize("stored", [torch.bfloat16, torch.float16, torch.float64])
def test_files_in_other_dtypes_are_cast(stored: torch.dtype, checkpoint: Path) -> None:
    right = load_file(checkpoint / MODEL)[PROJ2]
    change(checkpoint / MODEL, lambda tensors: tensors.update({n: t.to(stored) for n, t in tensors.items()}))
    assert torch.equal(load(checkpoint).model.dit.audio_projection.hidden, right.to(stored).float())


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.parent.name)
@pytest.mark.parametrize("kept", [0, 7, 100, -1])
def test_a_truncated_file(file: Path, kept: int, checkpoint: Path) -> None:
    path = checkpoint / file
    with path.open("r+b") as stream:
        stream.truncate(kept if kept >= 0 else os.path.getsize(path) + kept)
    message = refusal(checkpoint)
    assert str(path) in message
    if kept == -1:
        data = path.read_bytes()
        entries = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        del entries["__metadata__"]
        assert max(entries, key=lambda name: entries[name]["data_offsets"][1]) in message
        assert "cut short" in message


def test_a_file_with_something_behind_it(checkpoint: Path) -> None:
    with (checkpoint / MODEL).open("ab") as stream:
        stream.write(b"more")
    assert "4 bytes too many" in refusal(checkpoint)


@pytest.mark.parametrize(
    "folder", ["SoulX-FlashHead-1_3B/Model_Lite", "SoulX-FlashHead-1_3B/VAE_LTX", "wav2vec2-base-960h"]
)
def test_a_missing_folder(folder: str, checkpoint: Path) -> None:
    shutil.rmtree(checkpoint / folder)
    message = refusal(checkpoint)
    assert str(checkpoint / folder) in message
    assert "--models" in message


@pytest.mark.parametrize("file", [*FILES, *(path.with_name("config.json") for path in FILES)], ids=str)
def test_a_missing_file(file: Path, checkpoint: Path) -> None:
    (checkpoint / file).unlink()
    assert str(checkpoint / file) in refusal(checkpoint)


def test_nothing_there_at_all(tmp_path: Path) -> None:
    assert str(tmp_path / "none") in refusal(tmp_path / "none")


@pytest.mark.parametrize(
    ("file", "name"),
    [
        (MODEL, PROJ2),
        (MODEL, "text_embedding.0.weight"),
        (LTX, "decoder.conv_in.conv.bias"),
        (LTX, "latents_mean"),
        (AUDIO, "wav2vec2.encoder.layer_norm.bias"),
    ],
)
@pytest.mark.parametrize("fault", ["missing", "misshapen", "unexpected"])
def test_a_wrong_tensor(file: Path, name: str, fault: str, checkpoint: Path) -> None:
    def edit(tensors: dict[str, torch.Tensor]) -> None:
        if fault == "missing":
            del tensors[name]
        elif fault == "misshapen":
            tensors[name] = torch.zeros(3, 5)
        else:
            tensors[name + "_too"] = torch.zeros(3)

    change(checkpoint / file, edit)
    message = refusal(checkpoint)
    assert str(checkpoint / file) in message
    assert name in message
    if fault == "misshapen":
        assert "[3, 5]" in message


def test_integers_where_weights_should_be(checkpoint: Path) -> None:
    change(checkpoint / MODEL, lambda tensors: tensors.update({PROJ2: tensors[PROJ2].to(torch.int32)}))
    assert PROJ2 in refusal(checkpoint)


def test_the_output_layer_of_wav2vec2_may_be_there(checkpoint: Path) -> None:
    change(checkpoint / AUDIO, lambda tensors: tensors.update({"lm_head.weight": torch.zeros(32, 16)}))
    load(checkpoint)


def test_pro_where_lite_should_be(checkpoint: Path) -> None:
    models = checkpoint / "SoulX-FlashHead-1_3B"
    shutil.copy(models / "Model_Pro" / MODEL.name, models / "Model_Lite" / MODEL.name)
    message = refusal(checkpoint)
    assert str(checkpoint / MODEL) in message
    assert "variant" in message
    shutil.copy(models / "Model_Pro" / "config.json", models / "Model_Lite" / "config.json")
    message = refusal(checkpoint)
    assert "pro" in message
    assert "config.json" in message


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"dim": 48}', '{"dim": "wide"}'])
def test_a_spoilt_config(text: str, checkpoint: Path) -> None:
    path = checkpoint / MODEL.with_name("config.json")
    path.write_text(text)
    with pytest.raises(CheckpointError, match="config"):
        load(checkpoint)


def test_parts_that_do_not_belong_together(checkpoint: Path) -> None:
    path = checkpoint / AUDIO.with_name("config.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"num_hidden_layers": 3}))
    assert "belong together" in refusal(checkpoint)


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch /tmp/livehead-test-was-run",)


@pytest.mark.parametrize("container", ["zip", "pickle"])
def test_a_pickle_with_code_is_refused_and_not_run(container: str, checkpoint: Path) -> None:
    proof = Path("/tmp/livehead-test-was-run")
    proof.unlink(missing_ok=True)
    if container == "zip":
        torch.save({"encoder.conv1.weight": torch.zeros(1), "more": Evil()}, checkpoint / WAN)
    else:
        (checkpoint / WAN).write_bytes(pickle.dumps(Evil()))
    message = refusal(checkpoint, "pro")
    assert str(checkpoint / WAN) in message
    assert "code" in message
    assert not proof.exists()


def test_a_truncated_torch_file(checkpoint: Path) -> None:
    with (checkpoint / WAN).open("r+b") as stream:
        stream.truncate(os.path.getsize(checkpoint / WAN) // 2)
    message = refusal(checkpoint, "pro")
    assert str(checkpoint / WAN) in message
    assert "cut short" in message


def test_a_torch_file_with_a_wrong_tensor(checkpoint: Path) -> None:
    tensors = torch.load(checkpoint / WAN, weights_only=True)
    kept = tensors.pop("decoder.head.2.bias")
    torch.save(tensors, checkpoint / WAN)
    assert "decoder.head.2.bias" in refusal(checkpoint, "pro")
    torch.save(tensors | {"decoder.head.2.bias": kept[:1].clone()}, checkpoint / WAN)
    assert "decoder.head.2.bias" in refusal(checkpoint, "pro")
    torch.save([1, 2], checkpoint / WAN)
    assert "dictionary" in refusal(checkpoint, "pro")


def test_reading_holds_no_more_than_the_largest_tensor(tiny_checkpoint: Path) -> None:
    file = SafetensorsFile(tiny_checkpoint / MODEL)
    largest = max(torch.Size(shape).numel() * 4 for shape in file.shapes.values())
    for name, shape in file.shapes.items():
        file.copy(name, torch.empty(shape))
    assert file._buffer is not None
    assert file._buffer.nbytes == largest
