"""What a worker sends that went wrong."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection

import pytest

from livehead.engine.ipc.messages import Close, Heartbeat
from livehead.engine.ipc.receiving import LARGEST, receive
from livehead.errors import EngineError


@pytest.fixture
def pipe() -> Iterator[tuple[Connection, Connection]]:
    ours, its = Pipe()
    yield ours, its
    ours.close()
    its.close()


def test_a_message(pipe: tuple[Connection, Connection]) -> None:
    pipe[1].send(Heartbeat(1.0, None))
    assert receive(pipe[0]) == Heartbeat(1.0, None)


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x00\x00\x04junk",
        b"\x00\x00\x00\x00",
        b"\xff\xff\xff\xfe",
        b"\xff\xff\xff\xff" + b"\x7f" * 8,
        (LARGEST + 1).to_bytes(4, "big"),
    ],
    ids=["junk", "empty", "less than nothing", "exabytes", "too long"],
)
def test_rubbish(pipe: tuple[Connection, Connection], data: bytes) -> None:
    os.write(pipe[1].fileno(), data)
    with pytest.raises(EngineError, match="no message"):
        receive(pipe[0])


def test_what_is_not_for_the_host(pipe: tuple[Connection, Connection]) -> None:
    for other in (Close(1), {"type": "frames"}):
        pipe[1].send_bytes(pickle.dumps(other))
        with pytest.raises(EngineError, match="no message, but"):
            receive(pipe[0])


@pytest.mark.parametrize("data", [b"", b"\x00\x00", b"\x00\x00\x00\x10half"])
def test_the_end(pipe: tuple[Connection, Connection], data: bytes) -> None:
    os.write(pipe[1].fileno(), data)
    pipe[1].close()
    with pytest.raises((EOFError, OSError)):
        receive(pipe[0])
