"""For all tests: the event loop must not block, each test knows its phase, soak tests run only on demand, and what
fails in real time is tried once more."""

from __future__ import annotations

import ssl
import traceback
from collections.abc import Iterator
from pathlib import Path

import blockbuster
import httpx
import pytest
from _pytest.runner import runtestprotocol
from _pytest.terminal import TerminalReporter
from pytest_timeout import get_env_settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from fault_rows import Recovery, seen, write_measured
from phases import group, marks
from waiting import PATIENCE

TESTS = Path(__file__).parent

# Clients that state no time-out are patient, and what verifies certificates is read once, not 30 ms for each client.
httpx.AsyncClient.__init__.__kwdefaults__["timeout"].read *= PATIENCE
httpx.AsyncClient.__init__.__kwdefaults__["verify"] = ssl.create_default_context()

MAY_BLOCK = {
    # name of the blocking call: (end of the file name, function) under which it is allowed
    "io.TextIOWrapper.write": [("logging/__init__.py", "emit")],  # pytest's own handlers; the server's has a thread
    "io.BufferedWriter.write": [("logging/__init__.py", "emit")],
    "os.stat": [("fastapi/routing.py", "_extract_endpoint_context")],  # once a route
    "threading.Lock.acquire": [
        ("logging/__init__.py", "acquire"),  # the lock of a handler
        ("aiortc/rtcrtpreceiver.py", "stop"),  # aiortc joins its decoder thread here; media bounds the wait
        ("aiortc/rtcrtpreceiver.py", "__stop_decoder"),  # the same, when the sender says goodbye
        ("concurrent/futures/thread.py", "shutdown"),  # of a pool whose work is done
        ("concurrent/futures/_base.py", "result"),  # of a future that is done
    ],
}


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A phase imports its own files only: of those of the others, no test would be left."""
    if collection_path.suffix != ".py" or collection_path == Path(__file__):
        return None
    kinds = set(marks(collection_path.relative_to(TESTS).as_posix())) & {"realtime", "compute"}
    match config.option.markexpr:
        case "realtime" | "compute" as phase:
            return phase not in kinds or None
        case "not realtime and not compute":
            return bool(kinds) or None
    return None


@pytest.hookimpl(tryfirst=True)  # before pytest selects by marker
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what phases.py names, and leave soak tests to ``pytest -m soak`` and to those who name them."""
    for item in items:
        path = item.path.relative_to(TESTS).as_posix()
        for mark in marks(path):
            item.add_marker(mark)
    if "soak" in config.option.markexpr or all("::" in named for named in config.args):
        return
    long_runs = [item for item in items if item.get_closest_marker("soak")]
    config.hook.pytest_deselected(items=long_runs)
    items[:] = [item for item in items if item not in long_runs]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--measured", action="store_true", help="keep what tests of faults measure for docs/reliability.md"
    )


RECOVERY = "recovery"


@pytest.fixture
def recovery(request: pytest.FixtureRequest) -> Recovery:
    """For tests with ``@pytest.mark.fault``: what is well again, and after how many seconds (fault_rows.py)."""
    mark = request.node.get_closest_marker("fault")
    within = mark.kwargs.get("within")

    def recovered(what: str, seconds: float | None = None) -> None:
        request.node.user_properties.append((RECOVERY, seen(what, seconds)))
        assert (seconds is None) == (within is None), "a time is measured where one is promised, and only there"
        assert seconds is None or seconds <= within * PATIENCE, f"{what} after {seconds:.1f} s, not within {within} s"

    return recovered


def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not session.config.option.measured or reporter is None:
        return
    write_measured(
        {
            report.nodeid.partition("[")[0]: text
            for report in reporter.getreports("passed")
            for name, text in report.user_properties
            if name == RECOVERY
        }
    )


SECOND_TRY = ("second try", True)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """What talks in real time may fail because the machine stood still, so it is tried once more, and said: a test that
    fails twice in a row has failed."""
    path = item.path.relative_to(TESTS).as_posix()
    if group(path) is None and not item.get_closest_marker("realtime"):
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, nextitem=nextitem, log=False)
    if any(report.failed for report in reports):
        if (allowed := get_env_settings(item.config)).timeout:  # as long as for the first
            item.ihook.pytest_timeout_cancel_timer(item=item)
            item.ihook.pytest_timeout_set_timer(item=item, settings=allowed)
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        for report in reports:
            report.user_properties.append(SECOND_TRY)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    tried = [
        each.nodeid
        for each in terminalreporter.getreports("passed")
        if list(SECOND_TRY) in map(list, each.user_properties)
    ]
    if tried:
        terminalreporter.section("passed at the second try")
        for nodeid in tried:
            terminalreporter.line(nodeid)


class Grouped(LoadScopeScheduling):
    """Tests of one group run in one worker, the largest group first; all others go to whichever worker is free."""

    def _split_scope(self, nodeid: str) -> str:
        path = (self.config.rootpath / nodeid.split("::")[0]).relative_to(TESTS).as_posix()
        return group(path) or nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Grouped:
    return Grouped(config, log)


@pytest.fixture(autouse=True)
def _event_loop_never_blocks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a test in which code under an event loop makes a blocking call from within livehead.

    The call itself raises ``BlockingError``; a test whose code swallows that fails all the same.
    ``@pytest.mark.may_block("why")`` lets a test off.
    """
    if request.node.get_closest_marker("may_block"):
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        seen: list[str] = []
        begin = blockbuster.BlockingError.__init__

        def note(error: blockbuster.BlockingError, func: str) -> None:
            begin(error, func)
            seen.append(f"{error}\n" + "".join(traceback.format_stack(limit=12)[:-2]))

        patch.setattr(blockbuster.BlockingError, "__init__", note)
        with blockbuster.blockbuster_ctx("livehead") as guard:
            for name, places in MAY_BLOCK.items():
                for file, function in places:
                    guard.functions[name].can_block_in(file, function)
            yield
        if seen:
            pytest.fail("the event loop was blocked:\n\n" + "\n".join(seen), pytrace=False)
