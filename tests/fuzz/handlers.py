"""A log handler for the time of one run, and none of it is left behind for other tests."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def handled_by(handler: logging.Handler, *names: str) -> Iterator[None]:
    """What the loggers of these names and below get goes to ``handler``, and to nobody above them."""
    loggers = [logging.getLogger(name) for name in names]
    before = [logger.propagate for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.propagate = False
    try:
        yield
    finally:
        for logger, propagate in zip(loggers, before, strict=True):
            logger.removeHandler(handler)
            logger.propagate = propagate
