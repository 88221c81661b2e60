"""What Prometheus is told of the engine: read where it is kept, whenever somebody asks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from livehead.core.distribution import Distribution
from livehead.series.histogram import histogram_family

STATES = ("starting", "ready", "down")
STANDBY_STATES = ("off", "loading", "ready")


class WatchedEngine(Protocol):
    """See :class:`~livehead.engine.host.host.EngineHost`."""

    @property
    def state(self) -> str: ...
    @property
    def standby(self) -> str: ...
    @property
    def restarts(self) -> int: ...
    @property
    def takeovers(self) -> int: ...
    @property
    def streams(self) -> int: ...
    @property
    def faults(self) -> int: ...
    @property
    def most_sessions(self) -> Mapping[str, int]: ...
    @property
    def windows(self) -> WatchedWindows: ...


class WatchedWindows(Protocol):
    """See :class:`~livehead.engine.host.window_figures.WindowFigures`."""

    @property
    def asked(self) -> int: ...
    @property
    def made(self) -> int: ...
    @property
    def merged(self) -> int: ...
    @property
    def late(self) -> int: ...
    @property
    def dropped(self) -> Mapping[str, int]: ...
    @property
    def waits(self) -> Distribution: ...
    @property
    def steps(self) -> Mapping[str, Distribution]: ...


class EngineSeries(Collector):
    """The worker's state, and its windows: how many were asked for, made, merged, late and dropped, how long they
    waited, and how long steps took."""

    def __init__(self, engine: WatchedEngine) -> None:
        self._engine = engine

    def collect(self) -> Iterator[Metric]:
        engine, windows = self._engine, self._engine.windows
        yield _one_of("livehead_engine_state", "1 for the state that the engine worker is in.", engine.state, STATES)
        yield _gauge(
            "livehead_engine_standby", "1 while a worker in reserve is ready.", float(engine.standby == "ready")
        )
        yield _one_of(
            "livehead_engine_standby_state",
            "1 for the state that the worker in reserve is in; off where there is to be none.",
            engine.standby,
            STANDBY_STATES,
        )
        yield CounterMetricFamily("livehead_engine_restarts", "Restarts of the engine worker.", value=engine.restarts)
        yield CounterMetricFamily(
            "livehead_engine_takeovers", "Times that the worker in reserve took over.", value=engine.takeovers
        )
        yield CounterMetricFamily(
            "livehead_engine_faults", "Calls into the generator that failed.", value=engine.faults
        )
        yield _gauge("livehead_engine_streams", "Streams open at the engine now.", engine.streams)
        yield _labelled(
            GaugeMetricFamily(
                "livehead_capacity_sessions",
                "Sessions that the engine can hold, all at this latency preset.",
                labels=["preset"],
            ),
            engine.most_sessions.items(),
        )
        yield CounterMetricFamily("livehead_windows_asked", "Windows that sessions asked for.", value=windows.asked)
        yield CounterMetricFamily("livehead_windows_made", "Windows whose frames came.", value=windows.made)
        yield CounterMetricFamily(
            "livehead_windows_merged", "Windows that were stepped as one with the ones before.", value=windows.merged
        )
        yield CounterMetricFamily(
            "livehead_windows_late",
            "Windows whose frames came after the first of them was to be sent: deadline misses.",
            value=windows.late,
        )
        yield _labelled(
            CounterMetricFamily("livehead_windows_dropped", "Windows without frames, by reason.", labels=["reason"]),
            windows.dropped.items(),
        )
        yield _histogram("livehead_window_wait_seconds", "From asking for a window to its step.", {"": windows.waits})
        yield _histogram(
            "livehead_step_seconds",
            "Time that a step of the engine takes, by how many windows share it.",
            windows.steps,
            "batch",
        )


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _one_of(name: str, text: str, state: str, states: Sequence[str]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=["state"])
    for each in states:
        family.add_metric([each], float(each == state))
    return family


def _labelled(family: CounterMetricFamily | GaugeMetricFamily, values: Iterable[tuple[str, float]]) -> Metric:
    for label, value in list(values):
        family.add_metric([label], value)
    return family


def _histogram(name: str, text: str, children: Mapping[str, Distribution], label: str | None = None) -> Metric:
    labels = [] if label is None else [label]
    return histogram_family(name, text, labels, {(value,)[: len(labels)]: each for value, each in children.items()})
