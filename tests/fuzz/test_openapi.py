"""The API as it describes itself: requests that are allowed and that are not, with and without credentials."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from schemathesis import GenerationMode

from api.conftest import FAKE
from api.doors import SECRET, Credentials
from fuzz.openapi import Described
from livehead.access.tokens import Grant, Tokens
from livehead.core.identity import Role
from serving import Served, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

EXAMPLES, MANY = 3, 400


@pytest.fixture(scope="module")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> Credentials:
    return Credentials(tmp_path_factory.mktemp("access") / "keys")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def locked(credentials: Credentials) -> AsyncIterator[Served]:
    async with serving(FAKE, keys=credentials.path, token_secret=SECRET, max_sessions=2) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def described(locked: Served, credentials: Credentials) -> Described:
    return await asyncio.to_thread(Described, locked.url, credentials.alice)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("examples", [EXAMPLES, pytest.param(MANY, marks=pytest.mark.soak)])
@pytest.mark.parametrize("who", ["key", "token", "nobody"])
async def test_every_operation_answers_as_it_says(
    described: Described,
    locked: Served,
    credentials: Credentials,
    caplog: pytest.LogCaptureFixture,
    who: str,
    examples: int,
) -> None:
    token = Tokens(SECRET, 3600).make("alice", Grant(roles=frozenset({Role.VIEW})))
    headers = {
        "key": {"Authorization": f"Bearer {credentials.alice}"},
        "token": {"Authorization": f"Bearer {token}"},
        "nobody": {},
    }[who]
    wrong: list[str] = []
    asked: Counter[int] = Counter()
    for operation in described.operations:
        for mode in GenerationMode:
            try:
                asked += await asyncio.to_thread(described.exercise, operation, mode, headers, examples)
            except BaseExceptionGroup as group:
                wrong += [f"{operation} ({mode.value}): {str(each)[:400]}" for each in group.exceptions]
            except AssertionError as error:
                wrong.append(f"{operation} ({mode.value}): {str(error)[:400]}")
    print(f"{asked.total()} requests, by status {dict(sorted(asked.items()))}")
    assert not wrong, "\n".join(wrong)
    for session in locked.services.registry.sessions:
        session.end("test-over")
    await locked.settled()
    assert not [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR or each.exc_info]
