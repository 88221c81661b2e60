"""One server and its links for all scenarios."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from lab import LINKS, SERVER, Site, laboratory
from namespaces import UnavailableError

from serving import running


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with contextlib.ExitStack() as stack:
        try:
            lab = stack.enter_context(laboratory(LINKS, seed=1))
        except UnavailableError as error:
            pytest.skip(f"network namespaces cannot be made here: {error}")
        with lab.inside(SERVER):
            folder = tmp_path_factory.mktemp("network")
            options = ("--engine", "preview", "--host", "0.0.0.0", "--insecure", "--data-dir", str(folder))
            server = stack.enter_context(running(folder, *options))
        yield Site(lab, int(server.url.rpartition(":")[2]))
