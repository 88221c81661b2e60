"""The server under attack: started by us, watched all the time, and started anew when it is beyond help."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import psutil

from livehead.access.keys import new_key
from livehead.bench.attack.child import child
from livehead.bench.attack.health import HealthRecord
from livehead.bench.attack.wire import Target
from livehead.bench.server_process import OwnServer, own_server
from livehead.bench.usage import family

ATTACKER = "127.0.0.2"
"""The attacker's address; the callers have 127.0.0.1. All of 127.0.0.0/8 is this machine, on Linux."""

PROBER = "127.0.0.3"


class TargetServer:
    """A context manager. ``settings`` are the server's, by name. It needs API keys: ``key`` is the callers', and the
    attacker has another one."""

    def __init__(self, settings: Mapping[str, object]) -> None:
        self.restarts = 0
        self.key, callers = new_key("callers", "")
        self._attackers_key, attacker = new_key("attacker", "")
        self._environment = {"LIVEHEAD_API_KEYS": json.dumps([str(callers), str(attacker)])}
        self.server: OwnServer
        self.health: HealthRecord
        self._settings = settings
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def restart(self) -> None:
        """Raises LiveheadError if it does not start again."""
        self.kill()
        self._stack.close()
        self.restarts += 1
        self._start()

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.server.pid, signal.SIGKILL)

    @property
    def silent_s(self) -> float:
        """For how long /healthz has not been answered."""
        self.health.refresh()
        return time.monotonic() - self.health.answered

    @property
    def alive(self) -> bool:
        try:
            return bool(psutil.Process(self.server.pid).status() != psutil.STATUS_ZOMBIE)
        except psutil.Error:
            return False

    @property
    def log_bytes(self) -> int:
        return self.server.log.stat().st_size

    def counts(self) -> tuple[int, int]:
        """Its descriptors and threads, with those of its worker."""
        descriptors = threads = 0
        for process in family(self.server.pid):
            with contextlib.suppress(psutil.Error):
                descriptors += process.num_fds()
                threads += process.num_threads()
        return descriptors, threads

    def target(self) -> Target:
        """For the attacker, with the ports that the calls have now."""
        media = []
        with contextlib.suppress(psutil.Error):
            found = psutil.Process(self.server.pid).net_connections("udp")
            media = [(each.laddr.ip, each.laddr.port) for each in found if not each.laddr.ip.startswith("fe80")]
        return self._target(ATTACKER, tuple(media), self._attackers_key)

    def _target(self, source: str, media: tuple[tuple[str, int], ...] = (), key: str = "") -> Target:
        parts = urlsplit(self.server.url)
        return Target(parts.hostname or "127.0.0.1", parts.port or 80, media, source, key)

    def _start(self) -> None:
        self.server = self._stack.enter_context(own_server(self._settings, self._environment))
        prober = self._stack.enter_context(child("livehead.bench.attack.prober", self._target(PROBER)))
        self.health = HealthRecord(prober)
