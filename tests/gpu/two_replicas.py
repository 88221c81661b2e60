"""Two replicas, a card each, behind the ingress: what they hold together, beside one alone. JSON as the last line.

    python tests/gpu/two_replicas.py [--cards 0,1] [--models DIR] [--variant lite] [--latency balanced] [--seconds 30]
    python tests/gpu/two_replicas.py --engine preview --size 64 --calls 1 --seconds 5        # without a card

On a machine with two GPUs; without Ray. FlashHead's weights are random ones of full size where ``--models`` holds none.
Everything goes through the ingress: first with the first replica alone, as many calls as it says that it holds at the
preset, or ``--calls``, then with both and the sum of what both say. ``held`` compares the places, ``delivered`` the
frames per second that callers got; both are to be twice those of one, within 5 %. Then one replica is killed with a
call on each: ``back_s`` is from the kill until its call has pictures again, on the other one; ``replaced_s`` until
another replica in its place takes sessions; ``gap_ms`` is the longest time between two pictures of the other call.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import uvicorn

sys.path.insert(0, str(Path(__file__).parents[2] / "server"))

from livehead.bench.server_process import ONE_MANY
from livehead.client import Call, Livehead
from livehead.core.ids import replica_of
from livehead.fleet.directory import MemoryDirectory
from livehead.fleet.ingress.app import create_ingress
from livehead.fleet.replica import ReplicaOptions, ReplicaProcess
from livehead.transport.listening import listen

WITHIN = 0.05
"""How far the two together may be from twice the one."""

SETTLE_S = 3.0
"""Until what a bench has left is over, and the ingress has read the replicas again."""


class Cards:
    """The replicas, by name, and the directory that the ingress knows them from."""

    def __init__(self, args: argparse.Namespace, folder: Path) -> None:
        self.directory = MemoryDirectory()
        self.replicas: dict[str, ReplicaProcess] = {}
        self._args = args
        self._folder = folder

    async def start(self, name: str, card: str | None) -> float:
        """Returns how many seconds it took until it was ready."""
        given = {
            "engine": self._args.engine,
            "variant": self._args.variant,
            "models": str(self._args.models),
            "latency": self._args.latency,
            "standby": "no",
            "data_dir": str(self._folder / "data"),
            "trusted_proxies": '["127.0.0.1"]',
        }
        if self._args.size is not None:
            given["size"] = str(self._args.size)
        environment = os.environ | ONE_MANY
        options = ReplicaOptions(name, settings=given, environment=environment, cards=None if card is None else (card,))
        replica = ReplicaProcess(options)
        began = time.monotonic()
        await replica.start()
        self.replicas[name] = replica
        self.directory.add(name, replica.url)
        return time.monotonic() - began

    async def places(self, latency: str) -> dict[str, int]:
        """Calls at that preset that each replica says it holds."""
        found = {}
        async with httpx.AsyncClient(timeout=10) as client:
            for name, replica in self.replicas.items():
                sessions = (await client.get(f"{replica.url}/v1/info")).json()["sessions"]
                found[name] = int(sessions["by_preset"][latency]["max"])
        return found

    async def close(self) -> None:
        for replica in self.replicas.values():
            await replica.close()


@contextlib.asynccontextmanager
async def ingress(directory: MemoryDirectory) -> AsyncIterator[str]:
    listener = listen("127.0.0.1", 0)
    config = uvicorn.Config(create_ingress(directory), log_config=None, lifespan="on", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


async def measured(url: str, calls: int, args: argparse.Namespace) -> dict[str, Any]:
    """What ``livehead bench latency`` finds with so many calls."""
    words = [
        *("-m", "livehead", "bench", "latency", "--url", url, "--latency", args.latency),
        *("--sessions", str(calls), "--seconds", str(args.seconds)),
    ]
    bench = await asyncio.create_subprocess_exec(sys.executable, *words, stdout=asyncio.subprocess.PIPE)
    assert bench.stdout is not None
    said = (await bench.stdout.read()).decode()
    if await bench.wait() != 0:
        raise RuntimeError(f"bench latency failed with {calls} calls: {said}")
    found = json.loads(said.strip().splitlines()[-1])
    delivered = (calls - found["failed"]) * found["fps"]["mean"]
    await asyncio.sleep(SETTLE_S)
    return {"calls": calls, "delivered_fps": round(delivered, 1)} | {
        key: found[key] for key in ("fps", "audio_to_picture_ms", "freezes", "failed")
    }


async def gaps(call: Call, found: list[float]) -> None:
    last = None
    async for _ in call.media():
        now = time.monotonic()
        if last is not None:
            found.append(now - last)
        last = now


async def killed(cards: Cards, url: str, card: str | None) -> dict[str, Any]:
    """One replica is killed with a call on each, and another one takes its place."""
    async with Livehead(url) as server, server.call() as first, server.call() as second:
        if replica_of(first.id) == replica_of(second.id):
            raise RuntimeError("both calls are on one replica")
        lost, before, found = str(replica_of(first.id)), first.id, list[float]()
        watching = asyncio.create_task(gaps(second, found))
        pairs = first.media()
        for _ in range(50):
            await anext(pairs)
        pid = cards.replicas.pop(lost).pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        began = time.monotonic()
        replacing = asyncio.create_task(cards.start("c", card))
        while first.id == before:
            await anext(pairs) if first.state == "live" else await asyncio.sleep(0.01)
        await anext(pairs)
        back = time.monotonic() - began
        cards.directory.remove(lost)
        await replacing
        replaced = time.monotonic() - began
        await asyncio.sleep(SETTLE_S)
        async with server.call() as third:
            await anext(third.media())
        watching.cancel()
        return {
            "back_s": round(back, 2),
            "replaced_s": round(replaced, 1),
            "gap_ms": round(max(found) * 1000),
            "next_call_on": replica_of(third.id),
        }


async def synthesize(args: argparse.Namespace) -> None:
    words = ["-m", "livehead", "models", "synthesize", str(args.models), "--variant", args.variant]
    made = await asyncio.create_subprocess_exec(sys.executable, *words)
    if await made.wait() != 0:
        raise RuntimeError("there are no weights")


async def run(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    cards = [None, None] if args.engine == "preview" else args.cards.split(",")
    if args.engine == "flashhead" and not args.models.exists():
        await synthesize(args)
    fleet = Cards(args, folder)
    try:
        async with ingress(fleet.directory) as url:
            found: dict[str, Any] = {"engine": args.engine, "latency": args.latency}
            found["started_s"] = [round(await fleet.start("a", cards[0]), 1)]
            await asyncio.sleep(SETTLE_S)
            found["one"] = await fleet.places(args.latency)
            one = await measured(url, args.calls or found["one"]["a"], args)
            found["started_s"].append(round(await fleet.start("b", cards[1]), 1))
            await asyncio.sleep(SETTLE_S)
            found["both"] = await fleet.places(args.latency)
            both = await measured(url, 2 * args.calls if args.calls else sum(found["both"].values()), args)
            found |= {"alone": one, "together": both}
            found["held"] = round(sum(found["both"].values()) / (2 * found["one"]["a"]), 3)
            found["delivered"] = round(both["delivered_fps"] / (2 * one["delivered_fps"]), 3)
            found["killed"] = await killed(fleet, url, cards[0])
            found["within"] = all(abs(found[each] - 1) <= WITHIN for each in ("held", "delivered"))
            return found
    finally:
        await fleet.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=("flashhead", "preview"), default="flashhead")
    parser.add_argument("--cards", default="0,1")
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--variant", choices=("lite", "pro"), default="lite")
    parser.add_argument("--latency", default="balanced")
    parser.add_argument("--size", type=int)
    parser.add_argument("--calls", type=int, help="calls for each replica; by default as many as it says that it holds")
    parser.add_argument("--seconds", type=int, default=30)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(run(args, Path(folder)))
    print(json.dumps(found))
    return 0 if found["within"] else 1


if __name__ == "__main__":
    sys.exit(main())
