"""Hosts, origins and addresses as headers write them: what is let through is what it says it is."""

from __future__ import annotations

import contextlib
from urllib.parse import urlsplit

from fuzz.mutators import line_mutator
from fuzz.target import Target
from fuzz.targets.messages import check_refusal
from livehead.api.middleware.hosts import HostNames
from livehead.api.middleware.origins import Origins
from livehead.errors import RequestError
from livehead.origins import parse_host, parse_origin
from livehead.transport.proxies import Proxies

NAMES = HostNames(("head.example.com", "*.shop.example"), ("127.0.0.1",))
ORIGINS = Origins(("https://shop.example",))
PROXIES = Proxies(("10.0.0.0/8", "::1"))


def run(data: bytes) -> None:
    """Host, and behind a space Origin."""
    host, _, origin = data.decode("latin-1").partition(" ")
    _check_host(host)
    _check_origin(origin)
    for secure in (False, True):
        _check_pair(host, origin, "https" if secure else "http")
    assert (host in PROXIES) <= host.startswith(("10.", "::1", "::ffff:", "0")) or ":" in host


def _check_host(text: str) -> None:
    try:
        host = parse_host(text)
    except ValueError:
        return
    assert str(host).isascii()
    assert str(host).isprintable()
    assert not set(host.name) & set("/\\@?# %")
    again = parse_host(str(host))
    assert (again.name, again.address, again.port) == (host.name, host.address, host.port)
    if host.address is None:
        assert urlsplit(f"http://{text}/").hostname in (host.name, f"{host.name}.")


def _check_origin(text: str) -> None:
    with contextlib.suppress(ValueError):
        origin = parse_origin(text)
        assert parse_origin(str(origin)) == origin
        assert str(origin).isprintable()
        assert str(origin).isascii()


def _check_pair(host: str, origin: str, scheme: str) -> None:
    headers = [(b"host", host.encode("latin-1")), (b"origin", origin.encode("latin-1"))]
    scope = {"type": "http", "http_version": "1.1", "scheme": scheme, "headers": headers, "server": ("192.0.2.9", 80)}
    try:
        NAMES.check(scope)
    except RequestError as error:
        check_refusal(error)
    else:
        found = parse_host(host)
        known = found.name in ("head.example.com", "127.0.0.1", "192.0.2.9") or found.name.endswith(".shop.example")
        assert known or found.is_loopback, "a name that is not the server's"
    if ORIGINS.allow(scope):
        page = parse_origin(origin)
        assert str(page) == "https://shop.example" or page.host.name == parse_host(host).name, "a stranger's page"
        assert str(page) == "https://shop.example" or page.scheme in ("http", "https")


TARGET = Target(
    "host_header",
    run,
    (
        *(b"head.example.com https://head.example.com", b"127.0.0.1:8080 http://127.0.0.1:8080", b"localhost null"),
        *(b"a.shop.example https://shop.example", b"[::1]:8080 http://[::1]:8080", b"HEAD.example.com.:443 https://x"),
        *(b"evil.example http://evil.example", b"10.0.0.1 http://10.0.0.1:80", b"192.0.2.9 http://localhost"),
        b"[::ffff:127.0.0.1]:80 http://user@127.0.0.1",
    ),
    line_mutator(
        (),
        (
            *(
                "localhost",
                ".localhost",
                "127.0.0.1",
                "[::1]",
                "head.example.com",
                ".shop.example",
                "https://",
                "http://",
            ),
            *(
                "@",
                "%",
                "%00",
                "\\",
                "#",
                ":0",
                ":65536",
                "\xa0",
                "\xb9",
                "null",
                "file://",
                "[fe80::1%25eth0]",
                "0x7f.1",
            ),
        ),
        ".",
    ),
    1024,
    (5000, 2.0),
)
