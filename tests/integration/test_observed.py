"""A server as its operators see it: Prometheus scrapes it during a call, the dashboard has what it shows, an alert
fires when the worker is lost, the call is one trace, and the log is JSON."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from caller import Caller, tone
from integration.prometheus import Collector, Prometheus, prometheus
from serving import ALONE

ROOT = Path(__file__).parents[2]
DASHBOARD = ROOT / "deploy/grafana/dashboards/livehead.json"
RULES = ROOT / "deploy/prometheus/alerts.yml"

TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-01"

WITHIN = 60.0

OF_TROUBLE = {
    *("Requests refused, a minute", "Alerts"),
    *("closed", "refused", "dropped", "repeated", "silence taken back", "held, of all", "audio made up"),
}
"""Panels, and beginnings of the names of series, that are empty while all is well."""


def read_log(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


@dataclass
class Server:
    process: subprocess.Popen[bytes]
    log: Path
    url: str

    @property
    def worker(self) -> int:
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return next(int(child) for task in tasks for child in task.read_text().split())


@pytest.fixture
def server(tmp_path: Path, collector: Collector) -> Iterator[Server]:
    environment = {
        "LIVEHEAD_LOG_FORMAT": "json",
        "LIVEHEAD_REPLICA": "r1",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "200",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=test",
    }
    log = tmp_path / "server.log"
    command = [sys.executable, "-m", "livehead", "serve", "--engine", "preview", "--port", "0"]
    with log.open("wb") as sink:
        process = subprocess.Popen(
            command, stdout=sink, stderr=subprocess.STDOUT, env=ALONE | os.environ | environment, cwd=tmp_path
        )

    def found() -> list[str]:
        assert process.poll() is None, log.read_text()
        return re.findall(r"Livehead is at (http://[\d.:]+)", log.read_text())

    try:
        end = time.monotonic() + WITHIN
        while not found() or httpx.get(f"{found()[0]}/readyz").status_code != 200:
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.2)
        yield Server(process, log, found()[0])
    finally:
        process.kill()
        process.wait()
        print(log.read_text())


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.close()


def expressions() -> list[tuple[str, str, str]]:
    """Panel, legend and expression of all that the dashboard shows, as Grafana would ask for it."""
    found = []
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel["targets"]:
            asked = target["expr"].replace("$__rate_interval", "30s").replace("$instance", ".+")
            found.append((panel["title"], target["legendFormat"], asked))
    return found


def empty(known: Prometheus) -> list[str]:
    """What should have series by now and has none."""
    return [
        f"{panel}: {legend}: {asked}"
        for panel, legend, asked in expressions()
        if panel not in OF_TROUBLE and not legend.startswith(tuple(OF_TROUBLE)) and not known.series(asked)
    ]


async def holds(condition: Any, within: float = WITHIN) -> None:
    """Wait until a condition holds that asks another process, in a thread."""
    end = time.monotonic() + within
    while not await asyncio.to_thread(condition):
        assert time.monotonic() < end
        await asyncio.sleep(0.3)


@pytest.mark.soak
async def test_an_operator_sees_a_call_and_the_loss_of_the_worker(
    server: Server, collector: Collector, tmp_path: Path
) -> None:
    target = server.url.removeprefix("http://")
    with prometheus(tmp_path, target=target, rules=RULES) as known:
        async with Caller(tone) as caller, httpx.AsyncClient(base_url=server.url, timeout=60) as client:
            headers = {"Content-Type": "application/sdp", "traceparent": TRACEPARENT}
            answer = await client.post("/v1/sessions?voice=on", content=await caller.offer(), headers=headers)
            assert answer.status_code == 201, answer.text
            session = answer.headers["location"].rpartition("/")[2]
            await caller.accept(answer.text)
            await caller.seen(lambda frames: len(frames) > 25, WITHIN)
            await holds(lambda: not empty(known))
            assert "LiveheadEngineLost" not in await asyncio.to_thread(known.firing)
            os.kill(server.worker, signal.SIGKILL)
            await holds(lambda: "LiveheadEngineLost" in known.firing())
            await client.delete(f"/v1/sessions/{session}")
        for rule in await asyncio.to_thread(known.rules):
            assert rule["health"] == "ok", rule
        server.process.terminate()
        assert await asyncio.to_thread(server.process.wait, 30) == 0

    lines = read_log(server.log)
    assert all({"time", "level", "logger", "message", "replica"} <= line.keys() for line in lines)
    assert {line["replica"] for line in lines} == {"r1"}
    (opened,) = [line for line in lines if line["message"].startswith("open, ")]
    assert (opened["session"], opened["trace_id"]) == (session, TRACE)

    spans = {each.name: each for each in collector.spans}
    assert {
        "session",
        "viewer",
        "join",
        "answer",
        "check",
        "ice",
        "dtls",
        "first-frame",
        "engine-down",
        "close",
    } <= set(spans)
    assert {each.trace_id.hex() for each in collector.spans} == {TRACE}
    assert spans["session"].parent_span_id.hex() == TRACEPARENT.split("-")[2]
    assert spans["join"].parent_span_id == spans["viewer"].span_id
    steps = [spans[name] for name in ("answer", "check", "ice", "dtls", "first-frame")]
    assert all(before.end_time_unix_nano == after.start_time_unix_nano for before, after in pairwise(steps))
    resource = collector.resources[0]
    assert resource["service.name"] == "livehead"
    assert resource["service.instance.id"] == "r1"
    assert resource["deployment.environment"] == "test"
