"""What a recorder records, and where it keeps that."""

from __future__ import annotations

from dataclasses import dataclass

from livehead.core.identity import Identity
from livehead.engine.base import GeneratorInfo
from livehead.metrics import Metrics
from livehead.sessions.request import SessionRequest
from livehead.settings import StoreSettings
from livehead.store.recordings.store import RecordingStore


@dataclass(frozen=True, slots=True)
class Subject:
    """One session, by its id, with what it was asked for, who opened it and the generator that makes its frames."""

    session: str
    request: SessionRequest
    opened_by: Identity
    info: GeneratorInfo
    store: RecordingStore
    settings: StoreSettings
    metrics: Metrics
