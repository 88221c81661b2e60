"""A recording: what was kept of a session, and whose it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Literal, TypeAlias

from livehead.core.identity import Identity

RecordingKind: TypeAlias = Literal["film", "replay"]
RecordingState: TypeAlias = Literal["recording", "done", "cut-short", "failed"]
"""``done`` has all of its session, ``cut-short`` its beginning; of a ``failed`` one there is nothing."""

SUFFIXES: Mapping[RecordingKind, str] = {"film": ".mp4", "replay": ".lhr"}


@dataclass(frozen=True, slots=True)
class Recording:
    """``owner`` and ``token`` are the key and the token that its session was opened with; ``started`` is Unix time.
    ``tags`` are those of a film's file."""

    id: str
    kind: RecordingKind
    session: str
    avatar: str
    started: float
    owner: str = ""
    token: str | None = None
    state: RecordingState = "recording"
    seconds: float = 0.0
    bytes: int = 0
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"{self.id}{SUFFIXES[self.kind]}"

    def belongs_to(self, identity: Identity) -> bool:
        """A key has all of its owner's, a token those of the sessions that it opened."""
        return self.owner == identity.owner and (identity.is_key or self.token == identity.token)


def encode(recording: Recording) -> bytes:
    """Its sidecar."""
    return json.dumps(asdict(recording), indent=1).encode()


def decode(sidecar: bytes) -> Recording:
    """What a newer version has added is left out. Raises ValueError and TypeError."""
    given = json.loads(sidecar)
    return Recording(**{each.name: given[each.name] for each in fields(Recording) if each.name in given})
