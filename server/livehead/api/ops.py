"""For operators: health, readiness, metrics, facts about the server, and its API's description."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from starlette.responses import JSONResponse

import livehead
from livehead.api.body import JSON
from livehead.api.guard import Guard, Needs
from livehead.api.services import Services, ServicesDep
from livehead.api.web_files.text_files import TextFile, make_text_file
from livehead.core.latency import Percentiles
from livehead.core.latency_choice import AUTO
from livehead.engine.base import GeneratorInfo
from livehead.errors import EngineDownError
from livehead.image_decoding import MAX_BYTES, MAX_PIXELS
from livehead.media.video.provenance import synthetic_tags
from livehead.metrics import CONTENT_TYPE
from livehead.sessions.registry import Registry
from livehead.store.portraits.record import CONSENT

router = APIRouter(tags=["ops"])


@router.get(
    "/healthz",
    summary="Whether the server can go on as it is",
    responses={
        503: {
            "description": "The server has failed and must be restarted, with `reason` and `detail`",
            "content": {JSON: {}},
        }
    },
    dependencies=[Depends(Guard(Needs.NOTHING))],
)
async def healthz(services: ServicesDep) -> JSONResponse:
    failure = services.registry.failure
    if failure is None:
        return JSONResponse({"ok": True})
    return JSONResponse({"ok": False, "reason": "failed", "detail": failure}, 503)


@router.get(
    "/readyz",
    summary="Whether a new session would be served",
    responses={503: {"description": "starting, engine-down, full or draining, as `reason`", "content": {JSON: {}}}},
    dependencies=[Depends(Guard(Needs.NOTHING))],
)
async def readyz(services: ServicesDep) -> JSONResponse:
    refusal = services.registry.refusal()
    if refusal is None:  # on a full disk calls go on, and only what is to be kept is refused
        return JSONResponse({"ready": True, "storage": "disk-full"} if services.recordings.full else {"ready": True})
    body = {"ready": False, "reason": refusal.problem, "detail": str(refusal)}
    return JSONResponse(body, 503, headers={"Retry-After": str(round(refusal.retry_after or 1))})


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    response_class=Response,
    dependencies=[Depends(Guard(Needs.KEY, unless="metrics"))],
)
async def metrics(services: ServicesDep) -> Response:
    return Response(await asyncio.to_thread(services.metrics.render), media_type=CONTENT_TYPE)


@router.get(
    "/v1/info",
    summary="Version, engine, latency presets, sessions",
    dependencies=[Depends(Guard(Needs.CREDENTIAL, unless="info"))],
)
async def info(services: ServicesDep) -> dict[str, Any]:
    return {
        "version": livehead.__version__,
        "engine": _engine(services),
        "latency": _latency(services),
        "default_latency": services.settings.sessions.latency,
        "sessions": _sessions(services.registry),
        "looks": _looks(services),
        "portraits": _portraits(services),
        "synthetic": _synthetic(services),
        "says_text": services.synthesizer is not None,
    }


@router.get("/openapi.json", include_in_schema=False, dependencies=[Depends(Guard(Needs.KEY, unless="docs"))])
async def read_openapi(request: Request) -> Response:
    """The API's description, which the page at /docs draws."""
    return (await asyncio.to_thread(_describe, request.app)).answer(request)  # the first time it takes long to make


def _describe(app: FastAPI) -> TextFile:
    return make_text_file(json.dumps(app.openapi(), separators=(",", ":")).encode(), "openapi.json")


def _engine(services: Services) -> dict[str, Any]:
    """What the engine is; the facts that only it knows are null until it has started."""
    known: dict[str, Any] = {
        "name": services.choice.name,
        "variant": services.choice.variant,
        "state": services.host.state,
        "reason": services.choice.reason,
        "standby": services.host.standby,
        "size": services.settings.engine.size,
        "fps": None,
        "device": None,
    }
    facts = _facts(services)
    if facts is not None:
        known |= {"name": facts.name, "variant": facts.variant, "fps": facts.fps, "device": facts.device}
        known |= {"size": facts.height, "width": facts.width, "height": facts.height, "details": dict(facts.details)}
    return known


def _latency(services: Services) -> dict[str, Any]:
    """Of each preset what it means; ``auto`` is the preset that a session opened now would get."""
    facts = _facts(services)
    if facts is None:
        return {}
    found: dict[str, Any] = {
        name: {
            "hop": preset.hop,
            "lookahead": preset.lookahead,
            "bound_ms": preset.max_delay_ms,
            "delay_ms": _delay(services.registry.delays.of(name)),
        }
        for name, preset in facts.presets.items()
    }
    now = services.registry.auto
    return found | {AUTO: {"preset": now, **found[now]}}


def _portraits(services: Services) -> dict[str, Any]:
    """What an upload may be, and the statement that goes with it."""
    return {"max": services.portraits.most, "max_bytes": MAX_BYTES, "max_pixels": MAX_PIXELS, "consent": CONSENT}


def _synthetic(services: Services) -> dict[str, Any]:
    """What kind of picture sessions, films and renders show, in IPTC's words, and how it is marked."""
    facts = _facts(services)
    store = services.settings.store
    name, variant = (services.choice.name, services.choice.variant) if facts is None else (facts.name, facts.variant)
    tags = synthetic_tags(name, variant, "")
    return {
        "digital_source_type": tags["digital_source_type"],
        "generator": tags["generator"],
        "live_mark": store.live_mark,
        "visible_mark": store.visible_mark,
    }


def _looks(services: Services) -> list[str]:
    """Kinds of background that a session may ask for; empty until the engine has started."""
    facts = _facts(services)
    return [] if facts is None else list(facts.looks)


def _delay(found: Percentiles | None) -> dict[str, float] | None:
    return None if found is None else {"p50": round(found.p50, 1), "p95": round(found.p95, 1)}


def _sessions(registry: Registry) -> dict[str, Any]:
    """What is in use and what there is room for; ``max`` and ``load`` are null until they are known."""
    taken = registry.taken
    load = registry.admission.load(taken)
    return {
        "active": registry.active,
        "max": registry.admission.most,
        "load": None if load is None else round(load, 3),
        "by_preset": registry.admission.describe(taken, registry.at),
        "auto": registry.admission.describe_auto(taken),
    }


def _facts(services: Services) -> GeneratorInfo | None:
    try:
        return services.host.info
    except EngineDownError:
        return None
