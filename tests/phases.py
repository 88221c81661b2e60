"""Which tests run alone, and which are left out of the quick half: files and folders below tests/."""

from __future__ import annotations

REALTIME = (
    "bench/latency/test_bench_browser.py",
    "bench/latency/test_bench_latency.py",
    "bench/load/test_bench_load.py",
    "bench/load/test_bench_overload.py",
    "browser",
    "integration",
    "media/peer/test_peer.py",
    "network",
    "sessions/test_pushed.py",
    "sessions/test_session.py",
    "sessions/test_trace.py",
)
"""Media in real time, or a claim about when something comes: one test at a time, with nothing beside it."""

SLOW = (
    "api",
    "bench",
    "commands",
    "engine/capacity/test_measure.py",
    "engine/flashhead",
    "engine/host",
    "engine/preview/test_preview_frames.py",
    "gpu",
    "models",
    "test_examples.py",
    "test_render.py",
)
"""Models, servers, and commands in processes of their own. They may run beside each other."""


def marks(path: str) -> list[str]:
    """The markers of a test file; ``path`` is below tests/, with slashes."""
    kinds = {"realtime": REALTIME, "slow": SLOW}
    return [kind for kind, places in kinds.items() if any(f"{path}/".startswith(f"{place}/") for place in places)]
