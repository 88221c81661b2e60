"""Who somebody is, what they may do with a session, and how often."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

from livehead.access.access import Access
from livehead.access.audit import BURST, LINES_PER_S, Audit
from livehead.access.exposure import check_exposure
from livehead.access.key_file import changing
from livehead.access.keys import new_key
from livehead.access.tokens import Grant
from livehead.core.identity import ALL_ROLES, Identity, Role
from livehead.errors import ForbiddenError, RateLimitError, UnauthorizedError, UsageError
from livehead.settings import load

HERE = "198.51.100.7"


def add_key(path: Path, name: str) -> str:
    key, stored = new_key(name, "2026-11-27")
    with changing(path) as keys:
        keys.append(stored)
    return key


def access(path: Path, **given: Any) -> Access:
    return Access(load({"keys": path} | given))


def token(server: Access, key: str, *roles: str, **claims: Any) -> str:
    return server.make_token(server.identify(key, HERE), Grant(roles=frozenset(map(Role, roles)), **claims))


def test_without_keys_everybody_may_do_everything(tmp_path: Path) -> None:
    server = Access(load({"data_dir": tmp_path}))
    assert server.open
    assert server.identify(None, HERE) == server.identify("nonsense", HERE) == Identity(HERE)
    assert Identity(HERE).roles == ALL_ROLES


def test_the_file_in_the_data_folder_is_found_by_itself(tmp_path: Path) -> None:
    key = add_key(tmp_path / "keys", "alice")
    server = Access(load({"data_dir": tmp_path}))
    assert not server.open
    assert server.identify(key, HERE).owner == "alice"


def test_keys_come_from_the_environment_too() -> None:
    key, stored = new_key("alice", "")
    server = Access(load({"api_keys": (str(stored),)}))
    assert server.identify(key, HERE).owner == "alice"
    with pytest.raises(UsageError, match="LIVEHEAD_API_KEYS") as refusal:
        Access(load({"api_keys": (key,)}))
    assert key not in str(refusal.value)


def test_a_server_whose_keys_are_all_revoked_lets_nobody_in(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    key = add_key(path, "alice")
    with changing(path) as keys:
        keys.clear()
    server = access(path)
    assert not server.open
    for credential in (None, "", key):
        with pytest.raises(UnauthorizedError):
            server.identify(credential, HERE)


def test_a_key_in_a_url_is_refused_and_a_token_is_not(tmp_path: Path) -> None:
    key = add_key(tmp_path / "keys", "alice")
    server = access(tmp_path / "keys")
    with pytest.raises(UnauthorizedError, match="revoke") as refusal:
        server.identify(key, HERE, in_url=True)
    assert refusal.value.problem == "key-in-url"
    assert key not in str(refusal.value)
    assert server.identify(token(server, key, "open"), HERE, in_url=True).owner == "alice"


def test_who_guesses_is_stopped_and_others_are_not(tmp_path: Path) -> None:
    key = add_key(tmp_path / "keys", "alice")
    server = access(tmp_path / "keys", failures_per_minute=60)
    for _ in range(5):
        with pytest.raises(UnauthorizedError):
            server.identify("lh_" + "x" * 43, HERE)
    with pytest.raises(RateLimitError):
        server.identify(key, HERE)
    assert server.identify(key, "198.51.100.8").owner == "alice"


def test_missing_credentials_are_no_guess(tmp_path: Path) -> None:
    key = add_key(tmp_path / "keys", "alice")
    server = access(tmp_path / "keys", failures_per_minute=60)
    for _ in range(100):
        with pytest.raises(UnauthorizedError):
            server.identify(None, HERE)
    assert server.identify(key, HERE).owner == "alice"


async def test_offers_are_counted_by_key_and_by_address(tmp_path: Path) -> None:
    key = await asyncio.to_thread(add_key, tmp_path / "keys", "alice")
    server = await asyncio.to_thread(access, tmp_path / "keys", offers_per_second=1)
    for address in range(5):
        async with server.opening(server.identify(key, f"203.0.113.{address}")):
            pass
    with pytest.raises(RateLimitError):
        async with server.opening(server.identify(key, "203.0.113.9")):
            pass


async def test_one_client_of_ipv6_is_a_network(tmp_path: Path) -> None:
    server = await asyncio.to_thread(Access, load({"data_dir": tmp_path, "offers_per_second": 1}))
    for last in range(5):
        async with server.opening(Identity(f"2001:db8:1:2::{last}")):
            pass
    with pytest.raises(RateLimitError):
        async with server.opening(Identity("2001:db8:1:2:ffff::1")):
            pass
    async with server.opening(Identity("2001:db8:1:3::1")):
        pass


async def test_uses_are_spent_by_what_succeeds(tmp_path: Path) -> None:
    key = await asyncio.to_thread(add_key, tmp_path / "keys", "alice")
    server = await asyncio.to_thread(access, tmp_path / "keys", offers_per_second=1000)
    once = server.identify(token(server, key, "open", uses=2), HERE)
    for _ in range(5):
        with pytest.raises(ZeroDivisionError):
            async with server.opening(once):
                raise ZeroDivisionError
    for _ in range(2):
        async with server.opening(once):
            pass
    with pytest.raises(ForbiddenError, match="as often as it may") as refusal:
        async with server.opening(once):
            pass
    assert refusal.value.problem == "uses"
    async with server.opening(server.identify(token(server, key, "open", uses=1), HERE)):
        pass


@pytest.mark.may_block("changes the key file")
async def test_a_key_is_rotated_while_the_server_runs(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    old = await asyncio.to_thread(add_key, path, "alice")
    gone = await asyncio.to_thread(add_key, path, "bob")
    server = await asyncio.to_thread(access, path)
    tokens = {name: token(server, key, "open") for name, key in (("alice", old), ("bob", gone))}
    new = await asyncio.to_thread(add_key, path, "alice")
    with changing(path) as keys:
        keys[:] = [key for key in keys if key.name == "alice"][1:]
    revoked: list[frozenset[str]] = []
    await server.reload(revoked.append)
    assert revoked == [frozenset({"bob"})]
    assert server.identify(new, HERE).owner == "alice"
    assert server.identify(tokens["alice"], HERE).owner == "alice"
    for credential in (old, gone, tokens["bob"]):
        with pytest.raises(UnauthorizedError):
            server.identify(credential, HERE)


@pytest.mark.may_block("makes a key")
async def test_a_broken_file_leaves_the_keys_as_they_are(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "keys"
    key = await asyncio.to_thread(add_key, path, "alice")
    server = await asyncio.to_thread(access, path)
    await asyncio.to_thread(path.write_text, "nonsense")
    revoked: list[frozenset[str]] = []
    await server.reload(revoked.append)
    assert revoked == []
    assert server.identify(key, HERE).owner == "alice"
    assert "line 1" in caplog.text


OWN = Identity(HERE, "alice", frozenset({Role.OPEN}), "t1")


@pytest.mark.parametrize(
    ("identity", "allowed"),
    [
        (Identity(HERE, "alice"), {"open", "view", "speak", "hear"}),
        (Identity(HERE, "bob"), set()),
        (Identity(HERE), set()),
        (OWN, {"open"}),
        (Identity(HERE, "alice", ALL_ROLES, "t1"), {"open", "view", "speak", "hear"}),
        (Identity(HERE, "alice", ALL_ROLES, "t2"), {"view", "speak", "hear"}),
        (Identity(HERE, "alice", ALL_ROLES, "t2", session="s1"), {"open", "view", "speak", "hear"}),
        (Identity(HERE, "alice", ALL_ROLES, "t2", session="s2"), set()),
        (Identity(HERE, "alice", frozenset({Role.HEAR}), "t2"), {"hear"}),
        (Identity(HERE, "bob", ALL_ROLES, "t1"), set()),
        (Identity(HERE, "bob", ALL_ROLES, "t1", session="s1"), set()),
    ],
)
def test_who_may_do_what_with_a_session_of_alice(identity: Identity, allowed: set[str]) -> None:
    found = set()
    for role in Role:
        try:
            identity.check_session("s1", OWN, role)
        except ForbiddenError:
            continue
        found.add(str(role))
    assert found == allowed


def test_what_a_token_may_open() -> None:
    Identity(HERE, "alice", ALL_ROLES, "t", avatar="amara", source="push").check_opening("amara", "push")
    for identity, words in (
        (Identity(HERE, "alice", ALL_ROLES, "t", avatar="kofi"), "kofi"),
        (Identity(HERE, "alice", ALL_ROLES, "t", source="mic"), "source=mic"),
        (Identity(HERE, "alice", ALL_ROLES, "t", session="s1"), "one session"),
    ):
        with pytest.raises(ForbiddenError, match=words):
            identity.check_opening("amara", "push")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_a_host_beyond_this_machine_needs_keys_or_a_word(host: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"livehead keys new.*--insecure") as refusal:
        check_exposure(load({"host": host, "data_dir": tmp_path}))
    assert "\n" not in str(refusal.value)
    check_exposure(load({"host": host, "data_dir": tmp_path, "insecure": True}))
    add_key(tmp_path / "keys", "alice")
    check_exposure(load({"host": host, "data_dir": tmp_path}))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_this_machine_alone_needs_none(host: str, tmp_path: Path) -> None:
    check_exposure(load({"host": host, "data_dir": tmp_path}))


def test_the_log_has_one_line_for_a_refusal_and_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    error = ForbiddenError("what the client sent: lh_secret", problem="role")
    Audit().refused(error, address="198.51.100.7", owner="alice", what="GET /v1/\r\nforged\x1b[2J\u2028" + "x" * 500)
    [record] = caplog.records
    line = record.getMessage()
    assert line.startswith(
        "refused: status=403 reason=role key=alice address=198.51.100.7 request=GET /v1/\\r\\nforged"
    )
    assert line.isprintable()
    assert len(line) < 300
    assert "lh_secret" not in line


def test_a_flood_of_refusals_does_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    audit = Audit(lambda: now)
    error = UnauthorizedError("no")
    for _ in range(5000):
        audit.refused(error, address=HERE, owner="", what="GET /")
    assert len(caplog.records) == BURST
    now += 1.0
    audit.refused(error, address=HERE, owner="", what="GET /")
    assert "(4800 more refusals were not logged)" in caplog.records[-1].getMessage()
    assert LINES_PER_S < BURST
