"""Faults that were found by fuzzing, each by its smallest input."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from api.conftest import FAKE
from api.doors import SECRET, Credentials
from livehead.errors import UsageError
from livehead.settings import load
from serving import serving


@pytest.fixture
def credentials(tmp_path: Path) -> Credentials:
    return Credentials(tmp_path / "keys")


@pytest.mark.parametrize(
    ("path", "right"),
    [("/v1/signal?token=x", False), ("/v1/sessions/x/speech?rate=16000", False), ("/v1/sessions/x/speech", True)],
)
async def test_a_websocket_that_is_refused_is_no_error_of_the_server(
    credentials: Credentials, caplog: pytest.LogCaptureFixture, path: str, right: bool
) -> None:
    """Each brought a traceback or an error into the log, for anybody who asked."""
    headers = {"Authorization": f"Bearer {credentials.alice}"} if right else {}
    async with serving(FAKE, wait=False, keys=credentials.path, token_secret=SECRET) as server:
        with pytest.raises(InvalidStatus) as refused:
            await connect(server.url.replace("http", "ws") + path, additional_headers=headers)
        assert refused.value.response.status_code == (404 if right else 401)
        assert refused.value.response.headers["content-type"] == "application/problem+json"
    assert not [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR or each.exc_info]


async def test_a_target_that_is_not_ascii_is_refused_by_the_parser(caplog: pytest.LogCaptureFixture) -> None:
    """Starlette cannot read the address of such a request, and fails."""
    async with serving(FAKE, wait=False) as server:
        parts = urlsplit(server.url)
        for byte in range(0x80, 0x100):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
            writer.write(b"GET /v1/nothing?a=%c HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" % byte)
            answer = await reader.read()
            writer.close()
            await writer.wait_closed()
            assert answer.split()[1] == b"400"
    assert not [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR or each.exc_info]


@pytest.mark.parametrize("given", [True, False])
def test_a_token_secret_that_is_too_short_is_not_told(monkeypatch: pytest.MonkeyPatch, given: bool) -> None:
    secret = "twenty-five characters !!"
    if not given:
        monkeypatch.setenv("LIVEHEAD_TOKEN_SECRET", secret)
    with pytest.raises(UsageError, match=r"(token-secret|TOKEN_SECRET): .*at least 32 characters") as caught:
        load({"token_secret": secret} if given else {})
    assert secret not in str(caught.value)


def test_a_list_that_is_nested_too_deeply_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEHEAD_ALLOWED_HOSTS", "[" * 100_000)
    with pytest.raises(UsageError, match="lists are written as JSON"):
        load({})
