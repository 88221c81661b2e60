"""UDP ports for tests that choose their own."""

from __future__ import annotations

import contextlib
import random
import socket

LOWEST, HIGHEST = 20_000, 32_000
"""Below the ports that the system chooses from."""


def free_ports(count: int) -> range:
    """Ports in a row that nobody has now."""
    for first in random.sample(range(LOWEST, HIGHEST, count), 100):
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for port in range(first, first + count):
                stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)).bind(("0.0.0.0", port))
            return range(first, first + count)
    raise AssertionError(f"no {count} free UDP ports in a row")
