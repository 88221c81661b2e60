"""What the routes need, as one object on ``app.state``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypeAlias

from fastapi import Depends
from starlette.requests import HTTPConnection

from livehead.access.access import Access
from livehead.api.small_webrtc.state import SmallWebRtc
from livehead.avatars import AvatarStore
from livehead.engine.choice import Choice
from livehead.engine.host.host import EngineHost
from livehead.metrics import Metrics
from livehead.render.jobs.renders import Renders
from livehead.sessions.portrait.idle_films import IdleFilms
from livehead.sessions.recording.recorders import SessionRecorders
from livehead.sessions.registry import Registry
from livehead.settings import Settings
from livehead.speech_synthesis.base import Synthesizer
from livehead.store.objects.threads import StorageThreads
from livehead.store.portraits.portraits import Portraits
from livehead.store.portraits.thumbnails import Thumbnails
from livehead.store.recordings.store import RecordingStore


@dataclass(frozen=True, slots=True)
class Services:
    """Made once by :mod:`livehead.app`; every route reads from it. ``synthesizer`` is None where there is none."""

    settings: Settings
    access: Access
    choice: Choice
    host: EngineHost
    avatars: AvatarStore
    portraits: Portraits
    thumbnails: Thumbnails
    registry: Registry
    metrics: Metrics
    synthesizer: Synthesizer | None
    small_webrtc: SmallWebRtc
    idle_films: IdleFilms
    recordings: RecordingStore
    recorders: SessionRecorders
    renders: Renders
    storage: StorageThreads

    async def reload_keys(self) -> None:
        """Read the key file again, and end the sessions of keys that are gone."""
        await self.access.reload(self.registry.revoke)


async def _services(connection: HTTPConnection) -> Services:
    """Not in a thread, as FastAPI calls what is no coroutine."""
    services: Services = connection.app.state.services
    return services


ServicesDep: TypeAlias = Annotated[Services, Depends(_services)]
"""Annotation of a route's parameter that takes the :class:`Services`."""
