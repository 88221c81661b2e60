"""A histogram of Prometheus whose observations cost next to nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from livehead.core.distribution import Distribution


class Histogram(Collector):
    """Its series are made when they are asked for. As a library's histogram, but for one thread and without locks:
    some of these are fed for every block. ``labels`` are the names of labels, whose values must be few."""

    def __init__(
        self, name: str, text: str, bounds: Sequence[float], labels: Sequence[str] = (), *, registry: CollectorRegistry
    ) -> None:
        self._name = name
        self._text = text
        self._bounds = tuple(bounds)
        self._labels = tuple(labels)
        self._children: dict[tuple[str, ...], Distribution] = {}
        if not labels:
            self._children[()] = Distribution(self._bounds)
        registry.register(self)

    def observe(self, value: float) -> None:
        """Count a value. Only where there are no labels."""
        self._children[()].observe(value)

    def labels(self, *values: str) -> Distribution:
        """Where values of these labels are counted."""
        assert len(values) == len(self._labels)
        child = self._children.get(values)
        if child is None:
            child = self._children[values] = Distribution(self._bounds)
        return child

    def collect(self) -> Iterator[Metric]:
        yield histogram_family(self._name, self._text, self._labels, self._children)


def histogram_family(
    name: str, text: str, labels: Sequence[str], children: Mapping[tuple[str, ...], Distribution]
) -> Metric:
    """A histogram with what was counted for each value of its labels."""
    family = HistogramMetricFamily(name, text, labels=labels)
    for values, child in list(children.items()):
        bounds = [*map(str, map(float, child.bounds)), "+Inf"]
        family.add_metric(values, list(zip(bounds, child.cumulative(), strict=True)), child.sum)
    return family
