"""Models of voice activity detection: what they take long for is done in threads."""

from __future__ import annotations

import asyncio
import logging
import threading

import pytest

from livehead.logs import SessionLog
from livehead.sessions.hearing import models
from livehead.sessions.hearing.models import Models
from waiting import until


async def test_a_model_that_nobody_waits_for_any_more_is_freed_by_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    loading, loaded = threading.Event(), threading.Event()
    freed_by: list[threading.Thread] = []

    class Model:
        def __init__(self) -> None:
            loading.set()
            loaded.wait(10)

        def close(self) -> None:
            freed_by.append(threading.current_thread())

    monkeypatch.setattr(models, "SpeechDetector", Model)
    running = asyncio.create_task(Models(SessionLog(logging.getLogger(__name__), {}), early=True).run())
    await until(loading.is_set)
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled()
    loaded.set()
    await until(lambda: freed_by)
    assert freed_by != [threading.main_thread()]
