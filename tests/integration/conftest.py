"""``livehead serve`` with the preview engine, in a process of its own, once for each module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from serving import Process, running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("server")
    with running(folder, "--engine", "preview", LIVEHEAD_SILENCE_TIMEOUT="3") as process:
        yield process
