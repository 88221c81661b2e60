"""``python -m livehead.fleet.drain``: the replicas of this machine take no more sessions, and their last is waited for.

For a machine that is to go, as the preStop hook of a pod. Ray starts others elsewhere when these have ended.
"""

from __future__ import annotations

import signal

import psutil

LEASH = "livehead.fleet.leash"


def drain() -> int:
    """Returns how many replicas have ended, once all have."""
    found = [each for each in psutil.process_iter(["cmdline"]) if LEASH in (each.info["cmdline"] or ())]
    for each in found:
        if each.is_running():
            each.send_signal(signal.SIGTERM)
    psutil.wait_procs(found)
    return len(found)


if __name__ == "__main__":
    print(f"{drain()} replicas of this machine have ended")
