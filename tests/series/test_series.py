"""What Prometheus is told keeps to its conventions, is on the page, and counts what happens."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess

import numpy as np
import pytest

from livehead.core.block import BLOCK_SAMPLES
from livehead.engine.host.window_figures import WindowFigures, batch_name
from livehead.engine.ipc.messages import FramesReady, Submit
from livehead.event_loop import PERIOD_S, EventLoopWatch
from livehead.media.peer.viewers import Viewers
from livehead.metrics import Metrics
from livehead.sessions.network_figures import NetworkFigures
from livehead.sessions.speech_time import SpeechTime
from series import catalogue
from waiting import until


def text(metrics: Metrics) -> str:
    return metrics.render().decode()


def value(metrics: Metrics, series: str) -> float:
    found = re.search(rf"^{re.escape(series)} (\S+)$", text(metrics), re.MULTILINE)
    assert found is not None, series
    return float(found[1])


def test_promtool_finds_nothing_to_say() -> None:
    promtool = shutil.which("promtool")
    assert promtool is not None, "apt-get install prometheus"
    done = subprocess.run(
        [promtool, "check", "metrics"], input=text(catalogue.metrics()), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_page_has_every_series() -> None:
    page = catalogue.PAGE.read_text()
    assert catalogue.tables() in page, "python tests/series/catalogue.py"
    families = {line.split()[2] for line in text(catalogue.metrics()).splitlines() if line.startswith("# TYPE")}
    assert families == {each.name for each in catalogue.all_series()}, "add a beginning to PARTS"


def test_no_label_can_name_a_session_a_client_or_a_key() -> None:
    known = {
        *("version", "preset", "latency", "direction", "reason", "kind", "state", "source", "problem", "outcome"),
        *("codec", "batch", "stage", "candidate", "method", "status"),
    }
    assert {label for each in catalogue.all_series() for label in each.labels} <= known


def submitted(k: int, deadline: float, at: float = 1.0) -> Submit:
    return Submit(1, 0, k, 1, np.zeros(BLOCK_SAMPLES, np.float32), deadline, at)


def ready(batch: int, place: int) -> FramesReady:
    return FramesReady(1, 0, 0, 1, 0, submitted=1.0, started=1.25, done=1.5, batch=batch, place=place)


def test_windows_are_counted_by_how_they_fared() -> None:
    figures = WindowFigures()
    figures.answered([submitted(0, deadline=1.4), submitted(1, deadline=1.6)], ready(2, 0))
    assert (figures.made, figures.merged, figures.late) == (2, 1, 1)
    assert figures.waits.sum == 0.5
    figures.stepped(ready(2, 0))
    figures.stepped(ready(2, 1))
    assert figures.steps["2"].cumulative()[-1] == 1, "a step is one, however many share it"
    assert [batch_name(n) for n in (1, 2, 3, 4, 5, 8, 9, 16, 17)] == [
        *("1", "2", "3-4", "3-4", "5-8", "5-8", "9-16", "9-16", "17-32")
    ]


def test_a_sessions_network_figures_grow_into_the_servers() -> None:
    metrics, one, other = Metrics(), Viewers(), Viewers()
    figures = [NetworkFigures(each, metrics) for each in (one, other)]
    for viewers in (one, other):
        viewers.link.count("sent", "video", 1200, 2)
        viewers.link.report("sent", "video", lost=0.25, jitter=0.002, round_trip=0.03)
        viewers.link.report("received", "audio", lost=0.0, jitter=1e9)
    for _ in range(2):  # what was counted once is not counted again
        for each in figures:
            each.measure()
    assert value(metrics, 'livehead_media_bytes_total{direction="sent",kind="video"}') == 2400
    assert value(metrics, 'livehead_media_packets_total{direction="sent",kind="video"}') == 4
    assert value(metrics, 'livehead_peer_loss_ratio_sum{direction="sent",kind="video"}') == 0.5
    assert value(metrics, "livehead_peer_round_trip_seconds_count") == 2
    assert value(metrics, 'livehead_peer_jitter_seconds_sum{direction="received",kind="audio"}') <= 120


def test_reports_that_nobody_takes_are_bounded() -> None:
    viewers = Viewers()
    for _ in range(10_000):
        viewers.link.report("sent", "video", lost=0.0, jitter=0.0)
    assert len(viewers.link.take_reports()) == 256
    assert viewers.link.take_reports() == []


class Speaks:
    speaking = False


def test_the_share_of_speech_is_that_of_the_time() -> None:
    metrics, pipeline, now = Metrics(), Speaks(), [0.0]
    figures = SpeechTime("mic", pipeline, metrics, clock=lambda: now[0])
    for second in range(10):
        now[0] += 1.0
        pipeline.speaking = second < 4
        figures.measure()
    assert value(metrics, 'livehead_session_seconds_total{source="mic"}') == 10
    assert value(metrics, 'livehead_speech_seconds_total{source="mic"}') == 4


async def test_an_event_loop_that_is_held_up_is_late_for_each_look_and_its_own_share_is_told_apart() -> None:
    seen: list[tuple[float, float]] = []
    now, used = [0.0], [0.0]

    def observe(delay: float, held: float) -> None:
        seen.append((round(delay, 3), round(held, 3)))

    async with EventLoopWatch(observe, lambda: now[0], lambda: used[0]):
        await asyncio.sleep(0)
        now[0] = 4 * PERIOD_S + 0.001  # as if something had held the loop for that long
        used[0] = 0.06  # and had computed for so long of it
        await until(lambda: len(seen) >= 4)
    assert seen[:4] == [(0.151, 0.06), (0.101, 0.06), (0.051, 0.051), (0.001, 0.001)]


def test_delay_and_processor_time_of_the_event_loop_have_a_series_each() -> None:
    metrics = Metrics()
    metrics.event_loop.observe(0.151, 0.06)
    metrics.event_loop.observe(0.001, 0.001)
    assert value(metrics, 'livehead_event_loop_delay_seconds_bucket{le="0.08"}') == 1
    assert value(metrics, 'livehead_event_loop_held_seconds_bucket{le="0.08"}') == 2


@pytest.mark.parametrize("name", ["livehead_sessions_closed_total", "livehead_peer_setups_total"])
def test_what_alerts_look_at_is_there_from_the_start(name: str) -> None:
    assert f"{name}{{" in text(Metrics())
