"""A server as a child process: it is ready, it drains, it is missed when it dies, and it never outlives its parent."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import psutil
import pytest
import pytest_asyncio

from livehead.fleet import replica as replica_module
from livehead.fleet.drain import drain
from livehead.fleet.replica import ReplicaError, ReplicaOptions, ReplicaProcess
from waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHEAP = {"engine": "preview", "size": "64", "standby": "no", "drain_seconds": "1000"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def replica(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ReplicaProcess]:
    """Its last test ends it."""
    data = str(tmp_path_factory.mktemp("replica") / "data")
    async with ReplicaProcess(ReplicaOptions("r7", settings=CHEAP | {"data_dir": data})) as replica:
        yield replica


async def opened(replica: ReplicaProcess) -> str:
    async with httpx.AsyncClient(base_url=replica.url) as client:
        return str((await client.post("/v1/sessions", json={"source": "push"})).json()["session"])


async def test_its_sessions_carry_its_name(replica: ReplicaProcess) -> None:
    assert (await opened(replica)).startswith("r7.")


async def test_one_that_hangs_for_a_moment_is_not_given_up(
    replica: ReplicaProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replica_module, "LOOK_S", 0.05)
    monkeypatch.setattr(replica_module, "ANSWER_S", 0.5)
    monkeypatch.setattr(replica_module, "MISSED", 10_000)
    watching = asyncio.create_task(replica.watch())
    assert replica.pid is not None
    os.kill(replica.pid, signal.SIGSTOP)
    await asyncio.sleep(0.7)
    os.kill(replica.pid, signal.SIGCONT)
    await asyncio.sleep(0.2)
    assert not watching.done()
    watching.cancel()


async def test_a_drain_ends_no_session_early_and_then_those_that_are_left(replica: ReplicaProcess) -> None:
    first, second = await opened(replica), await opened(replica)
    watching = asyncio.create_task(replica.watch())
    draining = asyncio.create_task(replica.drain())
    async with httpx.AsyncClient(base_url=replica.url) as client:

        async def reason() -> object:
            return (await client.get("/readyz")).json().get("reason")

        while await reason() != "draining":  # noqa: ASYNC110 - another process is waited for
            await asyncio.sleep(0.05)
        assert (await client.post("/v1/sessions", json={"source": "push"})).status_code == 503
        assert (await client.get(f"/v1/sessions/{first}")).status_code == 200
        assert (await client.delete(f"/v1/sessions/{first}")).status_code == 200
        assert (await client.get(f"/v1/sessions/{second}")).status_code == 200
    assert not draining.done()
    assert not watching.done()
    await replica.drain(0.1)
    await draining
    assert await watching == "its process ended, exit status 0"
    await replica.drain()
    await replica.close()


@pytest.mark.soak
async def test_one_that_hangs_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with ReplicaProcess(ReplicaOptions("r8", settings=CHEAP | {"data_dir": str(tmp_path)})) as replica:
        monkeypatch.setattr(replica_module, "ANSWER_S", 1.0)
        assert replica.pid is not None
        os.kill(replica.pid, signal.SIGSTOP)
        assert await replica.watch() == "it did not answer /healthz 3 times in a row, and was killed"


@pytest.mark.soak
async def test_a_machine_that_is_to_go_waits_for_its_last_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ReplicaProcess(ReplicaOptions("r6", settings=CHEAP | {"data_dir": str(tmp_path)})) as replica:
        mine = [each for each in psutil.process_iter(["cmdline"]) if each.pid == replica.pid]
        monkeypatch.setattr(psutil, "process_iter", lambda _: mine)
        session = await opened(replica)
        draining = asyncio.create_task(asyncio.to_thread(drain))
        async with httpx.AsyncClient(base_url=replica.url) as client:
            while (await client.get("/readyz")).status_code == 200:  # noqa: ASYNC110 - another process is waited for
                await asyncio.sleep(0.05)
            assert (await client.get(f"/v1/sessions/{session}")).status_code == 200
            assert not draining.done()
            await client.delete(f"/v1/sessions/{session}")
        assert await draining == 1


async def test_one_that_does_not_start_says_why() -> None:
    heard: list[tuple[str, str]] = []
    options = ReplicaOptions("r9", settings={"engine": "steam"})
    with pytest.raises(ReplicaError, match=r"Replica r9 ended as it started, exit status 2: .*LIVEHEAD_ENGINE 'steam'"):
        async with ReplicaProcess(options, lambda name, line: heard.append((name, line))):
            pass
    assert heard
    assert {name for name, _ in heard} == {"r9"}


async def test_it_dies_with_its_parent(tmp_path: Path) -> None:
    """However that ends: here it is killed while the server starts."""
    script = f"""
        import asyncio
        from livehead.fleet.replica import ReplicaOptions, ReplicaProcess
        replica = ReplicaProcess(ReplicaOptions("r5", settings={CHEAP | {"data_dir": str(tmp_path)}!r}))
        async def run():
            starting = asyncio.create_task(replica.start())
            while replica.pid is None:
                await asyncio.sleep(0.01)
            print(replica.pid, flush=True)
            await starting
        asyncio.run(run())
    """
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", textwrap.dedent(script), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    child = psutil.Process(int(await parent.stdout.readline()))
    await until(lambda: b"livehead.fleet.leash" in Path(f"/proc/{child.pid}/cmdline").read_bytes())
    await until(lambda: child.num_threads() > 0 and child.cpu_times().user > 0.1)
    parent.kill()
    await parent.wait()
    await until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


async def test_its_environment() -> None:
    options = ReplicaOptions(
        "r1",
        "10.0.0.1",
        {"data_dir": "/data", "port": "8080"},
        {"LIVEHEAD_TLS_CERT": "a.pem", "LIVEHEAD_TLS_KEY": "b.pem", "HOME": "/root"},
        ("0", "1"),
    )
    found = options.variables()
    assert found | {"LIVEHEAD_PARENT": ""} == {
        "HOME": "/root",
        "LIVEHEAD_DATA_DIR": "/data",
        "LIVEHEAD_HOST": "10.0.0.1",
        "LIVEHEAD_PORT": "0",
        "LIVEHEAD_REPLICA": "r1",
        "LIVEHEAD_PARENT": "",
        "PYTHONUNBUFFERED": "1",
        "CUDA_VISIBLE_DEVICES": "0,1",
    }
    assert "/data" not in repr(options)
