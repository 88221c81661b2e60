"""The first record of a replay file: whose session it was, and which engine made its frames."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from pydantic import TypeAdapter, ValidationError

from livehead.engine.base import GeneratorInfo, Preset
from livehead.errors import MediaError

MAX_TEXT = 200
MAX_PRESETS = 64


@dataclass(frozen=True, slots=True)
class Header:
    """``created`` is an ISO 8601 time in UTC. ``latency`` is the preset that the session began with; ``presets`` are
    all of the engine's, by name; ``source`` is ``mic`` or ``push``."""

    livehead: str
    session: str
    created: str
    source: str
    latency: str
    engine: str
    variant: str | None
    width: int
    height: int
    window: int
    motion_frames: int
    device: str
    details: Mapping[str, str]
    presets: Mapping[str, Preset]

    @classmethod
    def of(cls, info: GeneratorInfo, *, livehead: str, session: str, created: str, source: str, latency: str) -> Self:
        return cls(
            livehead=livehead,
            session=session,
            created=created,
            source=source,
            latency=latency,
            engine=info.name,
            variant=info.variant,
            width=info.width,
            height=info.height,
            window=info.window,
            motion_frames=info.motion_frames,
            device=info.device,
            details=dict(info.details),
            presets=dict(info.presets),
        )

    def made_by(self, info: GeneratorInfo) -> bool:
        """Whether that generator can take the windows of the session as they are: the engine, the variant and the size
        are the same."""
        mine = (self.engine, self.variant, self.width, self.height, self.window, self.motion_frames)
        return mine == (info.name, info.variant, info.width, info.height, info.window, info.motion_frames)

    def made_alike(self, info: GeneratorInfo) -> bool:
        """Whether such a generator's frames are also the same to the byte: its device, precision and weights are."""
        return (self.device, dict(self.details)) == (info.device, dict(info.details))

    def encode(self) -> bytes:
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":")).encode()


_HEADERS: TypeAdapter[Header] = TypeAdapter(Header)


def decode_header(body: bytes, name: str) -> Header:
    """Raises :class:`~livehead.errors.MediaError`, calling the file ``name``. Fields that are not known are ignored."""
    try:
        header = _HEADERS.validate_json(body, strict=True)
    except (ValidationError, RecursionError):
        raise MediaError(f"{name} is damaged: its header cannot be read.") from None
    texts: list[Any] = [header.livehead, header.session, header.created, header.source, header.latency, header.engine]
    texts += [header.variant or "", header.device, *header.details, *header.details.values(), *header.presets]
    sizes = (header.width, header.height, header.window, header.motion_frames)
    if (
        any(len(text) > MAX_TEXT or not text.isprintable() for text in texts)
        or max(len(header.details), len(header.presets)) > MAX_PRESETS
        or not all(0 <= size <= 1 << 14 for size in sizes)
    ):
        raise MediaError(f"{name} is damaged: its header is not one that Livehead writes.")
    return header
