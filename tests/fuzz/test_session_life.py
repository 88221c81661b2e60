"""What clients may do in any order, with and without the right: see session_life.py."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from api.conftest import FAKE
from api.doors import SECRET, Credentials
from fuzz.session_life import SessionLife, Surroundings
from serving import serving

LIVES, STEPS = 5, 18
MANY, LONG = 400, 40


@pytest.fixture
def credentials(tmp_path: Path) -> Credentials:
    return Credentials(tmp_path / "keys")


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("lives", "steps"), [(LIVES, STEPS), pytest.param(MANY, LONG, marks=pytest.mark.soak)])
async def test_a_session_lives_as_it_should(
    credentials: Credentials, caplog: pytest.LogCaptureFixture, lives: int, steps: int
) -> None:
    before = asyncio.all_tasks()
    async with (
        serving(FAKE, keys=credentials.path, token_secret=SECRET, max_sessions=3, setup_seconds=600) as served,
        httpx.AsyncClient(base_url=served.url) as client,
    ):
        running = {task.get_name() for task in asyncio.all_tasks()}
        SessionLife.surroundings = Surroundings(served, credentials, asyncio.get_running_loop(), client)
        options = settings(
            max_examples=lives,
            stateful_step_count=steps,
            derandomize=True,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        await asyncio.to_thread(run_state_machine_as_test, SessionLife, settings=options)
        await asyncio.sleep(0.1)
        left = {task.get_name() for task in asyncio.all_tasks()} - running
        assert not [name for name in left if not name.startswith("Task-")], left
    await asyncio.sleep(0.1)
    assert asyncio.all_tasks() <= before
    faults = [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR or each.exc_info]
    assert not faults, faults[0]
