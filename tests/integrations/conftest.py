from __future__ import annotations

from collections.abc import Iterator

import pytest

from serving import Process, running


@pytest.fixture(scope="module")
def preview_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    with running(tmp_path_factory.mktemp("server"), "--engine", "preview", "--size", "256") as process:
        yield process
