"""Reads what a worker sends: one that went wrong may send anything."""

from __future__ import annotations

import pickle
from multiprocessing.connection import Connection

from livehead.engine.ipc.messages import ToHost
from livehead.errors import EngineError

LARGEST = 16_000_000
"""Bytes of a message. Frames do not go over the pipe: whatever is longer is none."""


def receive(pipe: Connection) -> ToHost:
    """Wait for the next message on a pipe that goes both ways. Raises ``EOFError`` or ``OSError`` where the pipe ends,
    and :class:`EngineError` for what is no message; nothing behind it can be read either."""
    try:
        data = pipe.recv_bytes(LARGEST)
    except OSError as error:
        if not pipe.readable:  # any more: the message was too long
            raise EngineError(f"the worker sent what is no message: {error}") from error
        raise
    try:
        message = pickle.loads(data)
    except Exception as error:
        raise EngineError(f"the worker sent what is no message: {type(error).__name__}: {error}") from error
    if not isinstance(message, ToHost):
        raise EngineError(f"the worker sent what is no message, but {type(message).__name__}")
    return message
