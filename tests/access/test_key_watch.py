"""A key that is made or revoked holds on every server that has the file, without a signal."""

from __future__ import annotations

import asyncio
from pathlib import Path

from livehead.access.access import Access
from livehead.access.key_file import changing
from livehead.access.key_watch import KeyWatch
from livehead.access.keys import new_key
from livehead.settings import load
from waiting import until


def write(path: Path, *names: str) -> None:
    with changing(path) as stored:
        stored[:] = [new_key(name, "")[1] for name in names]


async def test_keys_are_read_again_when_the_file_changes(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    await asyncio.to_thread(write, path, "alice")
    access = await asyncio.to_thread(Access, load({"keys": path}))
    gone: list[str] = []
    read = 0

    async def reload() -> None:
        nonlocal read
        read += 1
        await access.reload(lambda names: gone.extend(names))

    watch = await asyncio.to_thread(KeyWatch, access.key_file, reload, 0.02)
    async with watch:
        await asyncio.to_thread(write, path, "alice", "bob")
        await until(lambda: access.names == {"alice", "bob"})
        await asyncio.to_thread(write, path, "bob")
        await until(lambda: gone == ["alice"])
        await asyncio.to_thread(path.unlink)  # as a mount that is away: the keys stay
        await until(lambda: read == 3)
        assert access.names == {"bob"}
        await asyncio.to_thread(write, path, "carol")
        await until(lambda: access.names == {"carol"})


async def test_a_server_without_a_key_file_watches_none() -> None:
    async with KeyWatch(None, lambda: asyncio.sleep(0)) as watch:
        await until(lambda: watch._task is not None and watch._task.done())
