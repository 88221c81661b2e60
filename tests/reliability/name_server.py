"""A name server that answers every question with "there is no such name", or not at all, and who asks it."""

from __future__ import annotations

import contextlib
import socket
import threading
from pathlib import Path

ADDRESS = "127.77.0.1"
NO_SUCH_NAME = b"\x81\x83"
"""The flags of an answer with the code NXDOMAIN (RFC 1035 section 4.1.1)."""


class NameServer:
    """On port 53, which is root's. ``asked`` counts questions."""

    def __init__(self) -> None:
        self.answers = True
        self.asked = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((ADDRESS, 53))
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> NameServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes the thread
        self._socket.close()
        self._thread.join()

    def _run(self) -> None:
        while True:
            try:
                question, client = self._socket.recvfrom(4096)
            except OSError:
                return
            if not question:
                return
            self.asked += 1
            if self.answers:
                self._socket.sendto(question[:2] + NO_SUCH_NAME + question[4:6] + bytes(4) + question[10:], client)

    def asking(self, folder: Path, *command: str) -> list[str]:
        """A command line whose program asks this server for names, and no other."""
        settings = folder / "resolv.conf"
        settings.write_text(f"nameserver {ADDRESS}\n")
        mount = f'mount --bind "{settings}" /etc/resolv.conf && exec "$@"'
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", mount, "sh", *command]
