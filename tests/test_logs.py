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


def run(program: str, *, returncode: int = 0) -> subprocess.CompletedProcess[str]:
    """A process of its own, whose stderr is read when it has ended."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == returncode, done.stderr
    return done


@pytest.mark.parametrize(("debug", "lines"), [(False, 5), (True, 8)])
def test_libraries_speak_of_warnings_only(debug: bool, lines: int) -> None:
    done = run(PROGRAM.format(debug=debug))
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == lines
    assert ("hello from httpx" in done.stderr) == debug
    assert "I livehead.app: hello from livehead.app" in done.stderr


UNREAD = """
import asyncio, logging, sys
from livehead import logs
logs.configure()
logger = logging.getLogger("livehead.x")
async def main():
    for n in range(200):
        logger.warning("a packet that cannot be read: %s", "x" * 2000)
        await asyncio.sleep(0)
    print("alive", flush=True)
asyncio.run(main())
sys.exit(7)
"""


def test_a_pipe_that_nobody_reads_holds_neither_the_loop_nor_the_end() -> None:
    """The lines would fill the pipe six times."""
    with subprocess.Popen(
        [sys.executable, "-c", UNREAD], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "alive\n"
            assert process.wait(60) == 7
        finally:
            process.kill()


ENDING = """
import logging, os, sys, threading, warnings
from livehead import logs
logs.configure()
logger = logging.getLogger("livehead.x")
for n in range(150):
    logger.info("line %d", n)
{ending}
"""


@pytest.mark.parametrize(
    ("ending", "returncode", "last"),
    [
        ("pass", 0, "line 149"),
        ("sys.exit(3)", 3, "line 149"),
        ("logs.flush(); os._exit(1)", 1, "line 149"),
        ("raise KeyError('x')", 1, "KeyError: 'x'"),
    ],
)
def test_the_last_lines_are_written_however_it_ends(ending: str, returncode: int, last: str) -> None:
    lines = run(ENDING.format(ending=ending), returncode=returncode).stderr.splitlines()
    assert sum(": line " in line for line in lines) == 150
    assert lines[-1].endswith(last)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("warnings.warn('old', DeprecationWarning)", "W livehead.logs: DeprecationWarning: old (<string>:8)"),
        (
            "t = threading.Thread(target=lambda: 1 / 0, name='t7'); t.start(); t.join()",
            "E livehead.logs: thread t7 failed",
        ),
        ("type('X', (), {'__del__': lambda self: 1 / 0})()", "E livehead.logs: "),
        ("import asyncio; asyncio.new_event_loop().call_exception_handler({'message': 'odd'})", "E asyncio: odd"),
        ("raise ValueError('no\\n2026-01-31 12:00:00,000 I x: forged')", "C livehead.logs: the program failed"),
    ],
)
def test_warnings_and_errors_that_nobody_caught_are_in_the_log(fault: str, told: str) -> None:
    returncode = 1 if fault.startswith("raise") else 0
    lines = run("import warnings; warnings.simplefilter('always')" + ENDING.format(ending=fault), returncode=returncode)
    written = lines.stderr.splitlines()
    assert any(told in line for line in written)
    assert all(line.startswith(("2", "  ")) for line in written)
    assert not any(line.startswith("2026-01-31") for line in written)


def test_what_is_logged_is_one_line_without_secrets() -> None:
    key = "lh_" + "k" * 43
    program = f"logger.info('GET /v1/signal?token=%s%s', {key!r}, '\\n2026-01-31 forged'); logger.info('on')"
    lines = run(ENDING.format(ending=program)).stderr.splitlines()
    assert lines[-2].endswith(r"I livehead.x: GET /v1/signal?token=[redacted]\n2026-01-31 forged")
    assert lines[-1].endswith("on")


def test_a_closed_stderr_is_no_error() -> None:
    done = subprocess.run(
        ["sh", "-c", f'exec {sys.executable} -c "$0" 2>&-', PROGRAM.format(debug=False) + "print('done')"],
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "done\n"


TWICE = """
import logging
from livehead import logs
logs.configure()
logging.getLogger("x").warning("first")
logs.configure(debug=True)
logging.getLogger("x").warning("second")
logs.flush()
logs.flush()
"""


def test_it_may_be_configured_again() -> None:
    assert [line.rpartition(" ")[2] for line in run(TWICE).stderr.splitlines()] == ["first", "second"]
