"""What the ``livehead`` command logs."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import logging
from livehead import logs
logs.configure(debug={debug})
for name in ("livehead.app", "httpx", "aiortc", "uvicorn.access"):
    logging.getLogger(name).info("hello from %s", name)
    logging.getLogger(name).warning("beware of %s", name)
"""


@pytest.mark.parametrize(("debug", "lines"), [(False, 5), (True, 8)])
def test_libraries_speak_of_warnings_only(debug: bool, lines: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(debug=debug)], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == lines
    assert ("hello from httpx" in done.stderr) == debug
    assert "I livehead.app: hello from livehead.app" in done.stderr
