"""Histograms that cost next to nothing count as Prometheus's own do."""

from __future__ import annotations

import random

import prometheus_client
from prometheus_client import CollectorRegistry, generate_latest

from livehead.core.distribution import Distribution
from livehead.series.histogram import Histogram

BOUNDS = (0.1, 0.5, 1.0)


def lines(registry: CollectorRegistry) -> list[str]:
    return [line for line in generate_latest(registry).decode().splitlines() if "_created" not in line]


def test_the_text_is_that_of_the_library() -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    mine = Histogram("x_seconds", "How long.", BOUNDS, registry=ours)
    its = prometheus_client.Histogram("x_seconds", "How long.", buckets=BOUNDS, registry=theirs)
    chance = random.Random(1)
    for value in [0.0, 0.1, 0.5, 1.0, 2.0, *(chance.random() * 1.5 for _ in range(100))]:
        mine.observe(value)
        its.observe(value)
    assert lines(ours) == lines(theirs)


def test_so_it_is_with_labels() -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    mine = Histogram("x_seconds", "How long.", BOUNDS, ("a", "b"), registry=ours)
    its = prometheus_client.Histogram("x_seconds", "How long.", ("a", "b"), buckets=BOUNDS, registry=theirs)
    assert lines(ours) == lines(theirs)
    for a, b, value in (("1", "x", 0.2), ("2", "x", 0.7), ("1", "x", 9.0)):
        mine.labels(a, b).observe(value)
        its.labels(a, b).observe(value)
    assert lines(ours) == lines(theirs)


def test_a_distribution_takes_many_at_once() -> None:
    one, many = Distribution(BOUNDS), Distribution(BOUNDS)
    for _ in range(7):
        one.observe(0.5)
    many.observe(0.5, 7)
    assert one.cumulative() == many.cumulative() == [0, 7, 7, 7]
    assert one.sum == many.sum
