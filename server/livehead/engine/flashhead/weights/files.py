"""Tensors from checkpoint files into a model's own memory, strictly, and with bounded host memory.

safetensors files are read tensor by tensor into one buffer, pinned on CUDA, and cast on the device. So the host never
holds more than the largest tensor. ``safetensors.safe_open`` maps the file instead, and the mapped pages count as the
process's memory: reading 1.0 GB this way adds 0.1 GB to its resident set, with ``safe_open`` 1.0 GB, and the
transformer's file has 6.1 GB. PyTorch files are opened with ``weights_only`` and mapped; code in them is never run.
"""

from __future__ import annotations

import json
import logging
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, cast

import torch
from torch import Tensor

from livehead.errors import CheckpointError

log = logging.getLogger(__name__)

Shape = tuple[int, ...]

_DTYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
_LARGEST_HEADER = 100_000_000
_CURE = "Delete it and run `livehead models download`."


class TensorFile(Protocol):
    """Named tensors, in the order in which they are read fastest."""

    path: Path
    shapes: Mapping[str, Shape]

    def copy(self, name: str, target: Tensor) -> None:
        """Copy the tensor to ``target``, which has its shape, casting to its dtype and device."""


class SafetensorsFile:
    """A ``.safetensors`` file, whose layout is checked completely before any tensor is read. Raises CheckpointError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        header, start, size = _header(path)
        self._where: dict[str, tuple[torch.dtype, int, int]] = {}
        shapes: dict[str, Shape] = {}
        entries = sorted(
            ((n, e) for n, e in header.items() if n != "__metadata__"), key=lambda item: item[1]["data_offsets"]
        )
        expected = 0
        for name, entry in entries:
            dtype = _DTYPES.get(entry["dtype"])
            if dtype is None:
                raise CheckpointError(
                    f"{path}: tensor {name} has the type {entry['dtype']}, which no FlashHead model has. {_CURE}"
                )
            shape = tuple(int(length) for length in entry["shape"])
            begin, end = (int(offset) for offset in entry["data_offsets"])
            if begin != expected or end - begin != dtype.itemsize * torch.Size(shape).numel():
                raise CheckpointError(f"{path}: tensor {name} is not where the header says. {_CURE}")
            if start + end > size:
                raise CheckpointError(
                    f"{path} is cut short: tensor {name} ends at byte {start + end:,}, the file at {size:,}. "
                    "Run `livehead models download` again; it goes on where it stopped."
                )
            expected = end
            shapes[name] = shape
            self._where[name] = (dtype, start + begin, end - begin)
        if start + expected != size:
            raise CheckpointError(f"{path} has {size - start - expected:,} bytes too many at its end. {_CURE}")
        self.shapes: Mapping[str, Shape] = shapes
        self._buffer: Tensor | None = None

    def copy(self, name: str, target: Tensor) -> None:
        dtype, offset, length = self._where[name]
        if self._buffer is None:
            largest = max(size for _, _, size in self._where.values())
            self._buffer = torch.empty(largest, dtype=torch.uint8, pin_memory=target.is_cuda)
        staged = self._buffer[:length]
        with self.path.open("rb", buffering=0) as file:
            file.seek(offset)
            view = memoryview(cast(Any, staged.numpy()))
            done = 0
            while done < length:
                count = file.readinto(view[done:])
                if not count:
                    raise CheckpointError(f"{self.path} was cut short while tensor {name} was read. {_CURE}")
                done += count
        # Cast on the device: the file's own bytes cross the bus, and the host converts nothing.
        target.copy_(staged.view(dtype).view(target.shape).to(target.device))

    def close(self) -> None:
        self._buffer = None


def _header(path: Path) -> tuple[dict[str, Any], int, int]:
    """The JSON header, where the data starts, and the size of the file."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if size < 8 or length > min(size - 8, _LARGEST_HEADER):
                raise CheckpointError(
                    f"{path} is cut short, or is no safetensors file: its header does not fit in it. {_CURE}"
                )
            header = json.loads(file.read(length))
        if not isinstance(header, dict) or not all(
            isinstance(entry, dict) and {"dtype", "shape", "data_offsets"} <= entry.keys()
            for name, entry in header.items()
            if name != "__metadata__"
        ):
            raise ValueError("unexpected layout")
    except FileNotFoundError:
        raise CheckpointError(f"{path} is missing. Run `livehead models download` to fetch it.") from None
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} has no readable safetensors header ({error}). {_CURE}") from None
    return header, 8 + length, size


class TorchFile:
    """A ``.pth`` file that holds only a flat dictionary of tensors. Raises CheckpointError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            raise CheckpointError(f"{path} is missing. Run `livehead models download` to fetch it.")
        if not zipfile.is_zipfile(path):
            raise CheckpointError(
                f"{path} is not a whole PyTorch file: it was cut short, or it is a bare pickle, which could run "
                f"code and is never opened. {_CURE}"
            )
        try:
            tensors = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        except pickle.UnpicklingError:
            raise CheckpointError(
                f"{path} holds something other than tensors; loading it could run code, so it was refused. {_CURE}"
            ) from None
        except (RuntimeError, OSError, EOFError, KeyError, ValueError) as error:
            raise CheckpointError(f"{path} cannot be read ({str(error).splitlines()[0]}). {_CURE}") from None
        if not isinstance(tensors, dict) or not all(
            isinstance(name, str) and isinstance(value, Tensor) and value.is_floating_point()
            for name, value in tensors.items()
        ):
            raise CheckpointError(f"{path} is not a flat dictionary of tensors. {_CURE}")
        self._tensors: dict[str, Tensor] = tensors
        self.shapes: Mapping[str, Shape] = {name: tuple(value.shape) for name, value in tensors.items()}

    def copy(self, name: str, target: Tensor) -> None:
        target.copy_(self._tensors[name].to(target.device))


def fill(
    source: TensorFile, targets: Mapping[str, Tensor], unused: Mapping[str, Shape] | None = None, ignored: str = " "
) -> None:
    """Copy every target's tensor from the source.

    ``unused`` tensors must be there but are not read; names that start with ``ignored`` may be there. Raises
    CheckpointError, naming file and tensor, if one is missing, unexpected or of another shape, before any is read.
    """
    check(source, {name: tuple(target.shape) for name, target in targets.items()} | dict(unused or {}), ignored)
    with torch.no_grad():
        for name in source.shapes:
            if name in targets:
                source.copy(name, targets[name])
    log.debug("read %d tensors from %s", len(targets), source.path)


def check(source: TensorFile, expected: Mapping[str, Shape], ignored: str = " ") -> None:
    """Compare names and shapes. Raises CheckpointError."""
    for name, shape in expected.items():
        found = source.shapes.get(name)
        if found is None:
            raise CheckpointError(
                f"{source.path}: tensor {name} is missing: this is not the file that belongs here. {_CURE}"
            )
        if found != shape:
            raise CheckpointError(
                f"{source.path}: tensor {name} has the shape {list(found)}, not {list(shape)}. It may belong to the "
                f"other variant (lite, pro) or not match the config.json beside it. {_CURE}"
            )
    for name in source.shapes:
        if name not in expected and not name.startswith(ignored):
            raise CheckpointError(
                f"{source.path}: unexpected tensor {name}: this is not the file that belongs here. {_CURE}"
            )
