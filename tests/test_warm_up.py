"""The first client does not wait for what the framework builds at the first request."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from livehead.app import create_app, warm_up
from livehead.engine.base import EngineSpec
from livehead.engine.choice import Choice
from livehead.settings import load


@pytest.fixture
def app(tmp_path: Path) -> FastAPI:
    choice = Choice("test", None, EngineSpec("fakes:create", {"size": 64}), "as asked")
    return create_app(load({"data_dir": str(tmp_path)}), choice)


async def test_the_first_request_finds_the_routes_built(app: FastAPI) -> None:
    await warm_up(app)
    gc.collect()
    before = len(gc.get_objects())
    async with AsyncClient(transport=ASGITransport(app), base_url="http://localhost") as client:
        assert (await client.get("/healthz")).status_code == 200
    gc.collect()
    assert len(gc.get_objects()) < before + 200  # without it, thousands
