"""The composition root: settings in, the application out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import APIRouter, FastAPI
from httpx import ASGITransport, AsyncClient

import livehead
from livehead.access.access import Access
from livehead.access.key_watch import KeyWatch
from livehead.access.uses import SharedUses
from livehead.api import ice, ops, problems, tokens, web
from livehead.api.described import describe_refusals
from livehead.api.guard import verify_guards
from livehead.api.middleware import stack
from livehead.api.services import Services
from livehead.api.session import hearing, say, sessions, signal, speech, whep, whip
from livehead.api.small_webrtc import routes as small_webrtc
from livehead.api.small_webrtc.state import SmallWebRtc
from livehead.api.store import avatars, idle, recordings, renders
from livehead.avatars import AvatarStore
from livehead.engine.choice import Choice, choose
from livehead.engine.host.host import EngineHost
from livehead.event_loop import EventLoopWatch
from livehead.files.room import free_bytes
from livehead.media.peer.media_addresses import MediaAddresses
from livehead.media.video.encoder import has_nvenc
from livehead.metrics import Metrics
from livehead.render.jobs.renders import Renders
from livehead.sessions.portrait.backdrops import find_backdrop
from livehead.sessions.portrait.idle_films import IdleFilms
from livehead.sessions.recording.recorders import SessionRecorders
from livehead.sessions.registry import Registry
from livehead.settings import EngineSettings, Settings
from livehead.speech_synthesis.choice import choose as choose_synthesizer
from livehead.store.objects.choice import open_store
from livehead.store.objects.threads import StorageThreads
from livehead.store.portraits.decoding import PortraitDecoder
from livehead.store.portraits.default import find_default
from livehead.store.portraits.library import PortraitLibrary
from livehead.store.portraits.portraits import Portraits
from livehead.store.portraits.thumbnails import Thumbnails
from livehead.store.recordings.bucket import RecordingBucket
from livehead.store.recordings.store import RecordingStore
from livehead.transport.tls import read_certificate

ABOUT = "Speech in over WebRTC, a speaking portrait out."


def create_app(settings: Settings, choice: Choice | None = None) -> FastAPI:
    """Put the server together. Reads files, looks names up and asks the driver for NVENC, so call it before the event
    loop runs.

    ``choice`` is the engine to run; by default what the settings ask for. The engine starts and
    stops with the application's lifespan, which does not wait for it: /readyz says when it is there.
    """
    services = build_services(settings, choice or choose(settings.engine))
    key_watch = KeyWatch(services.access.key_file, services.reload_keys)
    has_nvenc()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        try:
            async with (
                EventLoopWatch(services.metrics.event_loop.observe),
                services.recordings,
                services.recorders,
                services.host,
                services.registry,
                services.idle_films,
                services.renders,
                key_watch,
            ):
                yield
        finally:
            await services.portraits.close()
            services.storage.close()
            if services.synthesizer is not None:
                await services.synthesizer.close()

    app = FastAPI(
        title="Livehead",
        version=livehead.__version__,
        description=ABOUT,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lifespan,
    )
    app.state.services = services
    problems.install(app)
    for router in routers():
        verify_guards(router.routes)
        describe_refusals(router.routes)
        app.include_router(router)
    stack.install(app, services)
    return app


async def warm_up(app: FastAPI) -> None:
    """FastAPI builds its routes when the first request comes, for which the event loop is held for some 25 ms; so ask
    something before anybody else does."""
    async with AsyncClient(transport=ASGITransport(app), base_url="http://localhost") as client:
        await client.get("/healthz")


def routers() -> tuple[APIRouter, ...]:
    """All of the server's routes; the page comes last, as it takes every path that is left. Reads files."""
    return (
        sessions.router,
        whip.router,
        whep.router,
        signal.router,
        speech.router,
        hearing.router,
        say.router,
        small_webrtc.router,
        tokens.router,
        avatars.router,
        idle.router,
        recordings.router,
        renders.router,
        ice.router,
        ops.router,
        web.build_router(web.find_web()),
    )


def wants_standby(engine: EngineSettings) -> bool | None:
    """Whether there is to be a worker in reserve, None where there is room. Who bounds the memory of a worker has none
    for a second one, unless they ask for it."""
    return False if engine.standby is None and engine.memory is not None else engine.standby


def build_services(settings: Settings, choice: Choice) -> Services:
    metrics = Metrics()
    heartbeat = settings.engine.heartbeat_seconds
    host = EngineHost(choice.spec, heartbeat=heartbeat, standby=wants_standby(settings.engine))
    decoder = PortraitDecoder()
    objects, threads = open_store(settings), StorageThreads()
    portraits = Portraits(
        PortraitLibrary(objects, settings.store.min_free_mb), threads, decoder, settings.store.max_portraits
    )
    store = AvatarStore(portraits, find_default(settings, decoder))
    bucket = None if settings.store.bucket is None else RecordingBucket(objects)
    kept = RecordingStore(settings.server.data_dir / "recordings", settings.store, bucket, threads)
    recorders = SessionRecorders(kept, settings.store, metrics)
    addresses = MediaAddresses.of(settings.media.ports, settings.media.public_address)
    registry = Registry(settings, host, store, metrics, recorders, addresses)
    metrics.watch_engine(host)
    if settings.server.tls_cert is not None:
        metrics.watch_certificate(read_certificate(settings.server.tls_cert).ends.timestamp())
    metrics.watch_storage(partial(free_bytes, settings.server.data_dir), settings.store.min_free_mb * 1e6)
    synthesizer = choose_synthesizer(settings.synthesis)
    idle_films = IdleFilms(host, store, lambda: registry.active > 0)
    made = Renders(
        objects,
        threads,
        settings.server.data_dir / "renders",
        settings.store,
        host,
        store,
        decoder,
        find_backdrop,
        metrics,
        lambda: registry.active > 0,
    )
    return Services(
        settings,
        Access(settings, None if settings.access.token_secret is None else SharedUses(objects, threads)),
        choice,
        host,
        store,
        portraits,
        Thumbnails(store),
        registry,
        metrics,
        synthesizer,
        SmallWebRtc(settings.server.replica),
        idle_films,
        kept,
        recorders,
        made,
        threads,
    )
