"""DNS rebinding: a page of evil.example whose name points at this machine calls us as its own origin."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from livehead.api.middleware.hosts import HostNames, host_names
from livehead.engine.base import EngineSpec
from livehead.errors import ForbiddenError, MalformedError
from serving import Served, serving
from wire import UPGRADE, ask

pytestmark = pytest.mark.asyncio(loop_scope="module")

REBOUND = ("Host: evil.example:8080", "Origin: http://evil.example:8080")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def local() -> AsyncIterator[Served]:
    hosts = ["head.example", "*.shop.example"]
    async with serving(EngineSpec("fakes:create"), wait=False, allowed_hosts=hosts) as served:
        yield served


async def test_a_page_whose_name_was_pointed_here_opens_no_session(local: Served) -> None:
    answer = await ask(local.url, *REBOUND, "Content-Type: application/sdp", method="POST", path="/v1/sessions")
    assert (answer.status, answer.problem) == (403, "host")
    assert "evil.example" in answer.detail
    assert "LIVEHEAD_ALLOWED_HOSTS" in answer.detail


async def test_nor_a_socket(local: Served) -> None:
    answer = await ask(local.url, *REBOUND, *UPGRADE, path="/v1/signal")
    assert (answer.status, answer.problem) == (403, "host")


async def test_nor_does_it_read_anything(local: Served) -> None:
    for path in ("/", "/v1/info", "/healthz", "/metrics", "/client/index.js", "/nowhere"):
        answer = await ask(local.url, *REBOUND, path=path)
        assert (answer.status, answer.problem) == (403, "host"), path


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:1234",
        "localhost.",
        "dev.localhost:8080",
        "127.0.0.1",
        "127.0.0.2:80",
        "[::1]:8080",
        "[::ffff:127.0.0.1]",
        "head.example",
        "Head.Example.:443",
        "a.shop.example",
        "a.b.shop.example",
    ],
)
async def test_the_servers_own_names_are_answered(local: Served, host: str) -> None:
    assert (await ask(local.url, f"Host: {host}", path="/healthz")).status == 200
    assert (await ask(local.url, f"Host: {host}", *UPGRADE, path="/v1/signal")).status == 101


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "evil.example.",
        "shop.example",
        "evilshop.example",
        "head.example.evil.example",
        "127.0.0.1.evil.example",
        "127.1",
        "2130706433",
        "0x7f.0.0.1",
        "10.9.8.7",
        "169.254.169.254",
        "[2001:db8::1]",
        "0.0.0.0",
    ],
)
async def test_other_names_are_not(local: Served, host: str) -> None:
    for lines in ((), UPGRADE):
        answer = await ask(local.url, f"Host: {host}", *lines, path="/v1/signal" if lines else "/healthz")
        assert (answer.status, answer.problem) == (403, "host")


@pytest.mark.parametrize(
    "lines",
    [
        (),
        ("Host:",),
        ("Host: localhost", "Host: evil.example"),
        ("Host: localhost", "Host: localhost"),
        ("Host: localhost, evil.example",),
        ("Host: user@localhost",),
        ("Host: localhost/x",),
        ("Host: localhost:80:80",),
        ("Host: localhost:99999",),
        ("Host: [::1",),
        ("Host: l\xf6calhost",),
    ],
)
async def test_a_host_header_that_cannot_be_read_is_malformed(local: Served, lines: tuple[str, ...]) -> None:
    answer = await ask(local.url, *lines)
    assert (answer.status, answer.problem) == (400, "host")


async def test_http_1_0_may_leave_it_out_but_not_name_another(local: Served) -> None:
    assert (await ask(local.url, path="/healthz", version="1.0")).status == 200
    assert (await ask(local.url, "Host: evil.example", path="/healthz", version="1.0")).status == 403


async def test_headers_of_proxies_do_not_name_a_host(local: Served) -> None:
    named = ("X-Forwarded-Host: localhost", "X-Host: localhost", "Forwarded: host=localhost")
    assert (await ask(local.url, "Host: evil.example", *named)).status == 403
    other = ("X-Forwarded-Host: evil.example", "Forwarded: host=evil.example")
    assert (await ask(local.url, "Host: localhost", *other)).status == 200


async def test_an_absolute_target_does_not_stand_in_for_the_header(local: Served) -> None:
    """Browsers send one to proxies only (RFC 9112 section 3.2.2)."""
    answer = await ask(local.url, "Host: evil.example", path="http://localhost/healthz")
    assert (answer.status, answer.problem) == (403, "host")


def scope(*hosts: str, server: str = "127.0.0.1", version: str = "1.1") -> dict[str, object]:
    return {
        "type": "http",
        "http_version": version,
        "server": (server, 8080),
        "headers": [(b"host", host.encode("latin-1")) for host in hosts],
    }


async def test_the_address_that_a_connection_came_in_on_is_a_name() -> None:
    names = host_names((), bound="192.0.2.7", keys=False, insecure=False)
    names.check(scope("192.0.2.7:8080"))
    names.check(scope("192.0.2.8", server="192.0.2.8"))
    names.check(scope("10.0.0.7", server="::ffff:10.0.0.7"))
    names.check(scope("[fe80::1%25eth0]:8080", server="fe80::1%eth0"))
    with pytest.raises(ForbiddenError):
        names.check(scope("192.0.2.8", server="192.0.2.7"))


async def test_with_insecure_a_network_calls_it_by_the_machines_name_or_any_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "MyBox.lan")
    names = host_names((), bound="0.0.0.0", keys=False, insecure=True)
    for host in ("mybox.local:8080", "MyBox:8080", "mybox.lan", "198.51.100.4", "[2001:db8::1]:8080", "localhost"):
        names.check(scope(host))
    for host in ("evil.example", "local", "other.local", "mybox.local.evil.example"):
        with pytest.raises(ForbiddenError, match="LIVEHEAD_ALLOWED_HOSTS"):
            names.check(scope(host))


@pytest.mark.parametrize("bound", ["127.0.0.1", "::1", "localhost"])
async def test_on_loopback_insecure_adds_nothing(bound: str) -> None:
    names = host_names((), bound=bound, keys=False, insecure=True)
    for host in (socket.gethostname(), "198.51.100.4"):
        with pytest.raises(ForbiddenError):
            names.check(scope(host))


async def test_with_keys_names_are_checked_where_some_are_listed() -> None:
    host_names((), bound="0.0.0.0", keys=True, insecure=False).check(scope("anything.example"))
    names = host_names(("head.example",), bound="0.0.0.0", keys=True, insecure=True)
    names.check(scope("head.example"))
    names.check(scope("10.1.2.3", server="10.1.2.3"))  # a health check of an orchestrator
    for host in ("anything.example", "198.51.100.4"):
        with pytest.raises(ForbiddenError):
            names.check(scope(host))


async def test_a_star_lets_any_name_in_but_not_two() -> None:
    names = HostNames(("*",))
    names.check(scope("anything.example"))
    with pytest.raises(MalformedError):
        names.check(scope("anything.example", "localhost"))
