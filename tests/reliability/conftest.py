"""What the tests of the engine's faults share: orders to an engine that obeys them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from faulty import Orders


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("orders")


@pytest.fixture
def orders(folder: Path) -> Iterator[Orders]:
    """Of one test: none outlives it."""
    orders = Orders(folder)
    yield orders
    orders.take_all_back()
