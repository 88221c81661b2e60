"""Uses of a token: counted by all servers that share the storage, as by one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from livehead.access.uses import HOUR_S, OwnUses, SharedUses, Uses
from livehead.core.identity import Identity
from livehead.errors import ForbiddenError, StoreDownError
from livehead.store.objects.bucket import BucketStore
from livehead.store.objects.folder import FolderStore
from livehead.store.objects.threads import StorageThreads
from store.objects.s3_server import S3Server, s3

__all__ = ["s3"]

NOW = 1_700_000_000.0


class Clock:
    now = NOW

    def __call__(self) -> float:
        return self.now


def token(name: str, uses: int | None, seconds: float = 600.0) -> Identity:
    return Identity("127.0.0.1", "alice", token=name, uses=uses, expires=NOW + seconds)


async def spent(servers: list[Uses], identity: Identity, tries: int) -> int:
    """How many of so many uses at once are let in, each at the next server."""
    asked = (servers[number % len(servers)].spend(identity) for number in range(tries))
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert all(each is None or isinstance(each, ForbiddenError) for each in found), found
    return found.count(None)


async def check(servers: list[Uses]) -> None:
    assert await spent(servers, token("one", 3), 8) == 3
    assert await spent(servers, token("other", 2), 1) == 1
    with pytest.raises(ForbiddenError, match="as often as it may be \\(3\\)") as refused:
        await servers[-1].spend(token("one", 3))
    assert refused.value.problem == "uses"
    await servers[0].give_back(token("one", 3))
    assert await spent(servers, token("one", 3), 4) == 1
    assert await spent(servers, token("free", None), 5) == 5
    assert await spent(servers, Identity("127.0.0.1", "alice"), 5) == 5


async def test_one_server_counts_its_own() -> None:
    await check([OwnUses(Clock())])


async def test_servers_with_one_folder_count_together(tmp_path: Path) -> None:
    await check([SharedUses(FolderStore(tmp_path), StorageThreads(), Clock()) for _ in range(3)])


async def test_servers_with_one_bucket_count_together(s3: S3Server) -> None:
    name = s3.new_bucket()
    await check([SharedUses(BucketStore(name, endpoint=s3.url), StorageThreads(), Clock()) for _ in range(3)])
    await asyncio.to_thread(s3.stop)
    try:
        away = SharedUses(BucketStore(name, endpoint=s3.url, patient=False), StorageThreads(), Clock())
        with pytest.raises(StoreDownError):
            await away.spend(token("one", 3))
    finally:
        await asyncio.to_thread(s3.start)


async def test_what_has_expired_is_forgotten(tmp_path: Path) -> None:
    clock = Clock()
    uses = SharedUses(FolderStore(tmp_path), StorageThreads(), clock)
    await uses.spend(token("soon", 1))
    await uses.spend(token("late", 1, 5 * HOUR_S))
    clock.now += 2 * HOUR_S
    await uses.spend(token("new", 1, 3 * HOUR_S))
    assert await asyncio.to_thread(lambda: {path.stem for path in tmp_path.glob("uses/*/*")}) == {"late", "new"}
    with pytest.raises(ForbiddenError):
        await uses.spend(token("late", 1, 5 * HOUR_S))
