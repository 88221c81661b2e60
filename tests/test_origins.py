"""Hosts and origins in headers, and as the settings list them."""

from __future__ import annotations

import ipaddress

import pytest

from livehead.errors import UsageError
from livehead.origins import Host, parse_host, parse_origin, read_http_url, read_public_address
from livehead.settings import load


@pytest.mark.parametrize(
    ("text", "name", "port"),
    [
        ("head.example", "head.example", None),
        ("HEAD.Example:8080", "head.example", 8080),
        ("head.example.", "head.example", None),
        ("head.example.:443", "head.example", 443),
        ("head.example:", "head.example", None),
        ("live_head-2", "live_head-2", None),
        ("127.0.0.1:8080", "127.0.0.1", 8080),
        ("127.0.0.1.", "127.0.0.1", None),
        ("[::1]:8080", "::1", 8080),
        ("[0:0::0001]", "::1", None),
        ("[::ffff:10.0.0.7]", "10.0.0.7", None),
        ("[fe80::1%25eth0]:80", "fe80::1", 80),
        ("[FE80::1%eth0]", "fe80::1", None),
    ],
)
def test_a_host_is_read(text: str, name: str, port: int | None) -> None:
    host = parse_host(text)
    assert (host.name, host.port) == (name, port)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        ":8080",
        "user@localhost",
        "user:pass@localhost",
        "localhost:port",
        "localhost:80:80",
        "localhost:99999",
        "localhost/path",
        "localhost, evil.example",
        "localhost evil.example",
        "localhost\x00",
        "loc\u00e4lhost",
        "a..b",
        ".localhost",
        "::1",
        "[::1",
        "[]",
        "[::1]localhost",
        "[127.0.0.1]x",
        "[1.2.3.4.5]",
        "[fe80::1%25 ]",
        "a" * 300,
    ],
)
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no "):
        parse_host(text)


@pytest.mark.parametrize(
    "text", ["localhost", "dev.localhost", "127.0.0.1", "127.9.9.9", "[::1]", "[::ffff:127.0.0.1]"]
)
def test_names_of_this_machine_are_loopback(text: str) -> None:
    assert parse_host(text).is_loopback


@pytest.mark.parametrize(
    "text", ["localhost.example", "notlocalhost", "10.0.0.1", "127.1", "2130706433", "0x7f000001", "0.0.0.0"]
)
def test_other_names_are_not(text: str) -> None:
    assert not parse_host(text).is_loopback


@pytest.mark.parametrize(
    ("origin", "host", "scheme", "same"),
    [
        ("http://localhost:8080", "localhost:8080", "http", True),
        ("http://LOCALHOST:8080", "localhost:8080", "ws", True),
        ("http://localhost", "localhost:80", "http", True),
        ("https://head.example", "head.example", "http", True),  # a proxy took the TLS off
        ("https://head.example", "head.example:443", "http", True),
        ("http://head.example", "head.example", "https", False),
        ("http://head.example", "head.example", "wss", False),
        ("http://localhost:8080", "localhost:8081", "http", False),
        ("http://localhost:8080", "127.0.0.1:8080", "http", False),
        ("http://[::1]:8080", "[::1]:8080", "http", True),
        ("ftp://head.example", "head.example", "http", False),
        ("chrome-extension://abc", "abc", "http", False),
    ],
)
def test_a_page_is_of_the_server_when_host_port_and_scheme_are(origin: str, host: str, scheme: str, same: bool) -> None:
    assert parse_origin(origin).is_of(parse_host(host), scheme) is same


@pytest.mark.parametrize(
    "text", ["null", "", "localhost", "http:/x", "http://", "http://a/b", "http://a b", "http://u@a", "://a"]
)
def test_what_is_no_origin_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no "):
        parse_origin(text)


def test_hosts_and_origins_are_written_as_browsers_do() -> None:
    assert str(Host("::1", ipaddress.ip_address("::1"), 80)) == "[::1]:80"
    assert str(parse_origin("HTTPS://Shop.Example:443")) == "https://shop.example"
    assert str(parse_origin("http://[0::1]:8080")) == "http://[::1]:8080"


def test_settings_are_written_in_one_way() -> None:
    server = load(
        {
            "cors_origins": ["https://Shop.example:443", "capacitor://localhost", "null", "*"],
            "allowed_hosts": ["Head.example.", "*.Shop.example", "[::1]", "10.0.0.7", "*"],
            "frame_ancestors": ["'self'", "https://*.Shop.example", "http://localhost:3000", "*"],
        }
    ).server
    assert server.cors_origins == ("https://shop.example", "capacitor://localhost", "null", "*")
    assert server.allowed_hosts == ("head.example", "*.shop.example", "::1", "10.0.0.7", "*")
    assert server.frame_ancestors == ("'self'", "https://*.shop.example", "http://localhost:3000", "*")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cors_origins", "https://shop.example/"),
        ("cors_origins", "shop.example"),
        ("cors_origins", "https://*.shop.example"),
        ("cors_origins", "https://shop.example\r\nX-Evil: 1"),
        ("allowed_hosts", "https://head.example"),
        ("allowed_hosts", "head.example:8080"),
        ("allowed_hosts", "*.10.0.0.1"),
        ("allowed_hosts", "head.*"),
        ("allowed_hosts", ""),
        ("frame_ancestors", "self"),
        ("frame_ancestors", "https://shop.example; script-src *"),
        ("frame_ancestors", "https://shop.example 'unsafe-inline'"),
        ("frame_ancestors", "https://*"),
        ("frame_ancestors", "x\r\nSet-Cookie: a=b"),
    ],
)
def test_settings_that_say_something_else_stop_the_start(name: str, value: str) -> None:
    with pytest.raises(UsageError, match=name.replace("_", "-")) as refused:
        load({name: [value]})
    assert "write" in str(refused.value)


def test_none_stands_alone() -> None:
    with pytest.raises(UsageError, match="alone"):
        load({"frame_ancestors": ["'none'", "'self'"]})


@pytest.mark.parametrize(
    "text", ["http://tts", "HTTPS://tts.example:8880/v1", "http://[::1]:1/x?y=z", "http://tts?a=b"]
)
def test_addresses_of_http(text: str) -> None:
    assert read_http_url(text) == text
    assert load({"tts": text}).synthesis.tts == text


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("say", "none, espeak or an address"),
        ("ftp://tts", "http:// or https://"),
        ("http://", "http:// or https://"),
        ("http://tts/a b", "http:// or https://"),
        ("http://tts/\n", "http:// or https://"),
        ("http://user:word@tts/", "leave user name and password out"),
        ("http://tts:99999", "no port"),
        ("http://t ts", "http:// or https://"),
    ],
)
def test_what_is_no_address_of_http(text: str, wrong: str) -> None:
    with pytest.raises(UsageError, match=wrong):
        load({"tts": text})


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("2001:DB8::7", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("10.0.0.5", "10.0.0.5"),
        ("Head.Example.com.", "head.example.com"),
    ],
)
def test_a_public_address_is_read(given: str, read: str) -> None:
    assert read_public_address(given) == read
    assert load({"public_address": f"{given}, 198.51.100.8"}).media.public_address == f"{read},198.51.100.8"


@pytest.mark.parametrize("given", ["", "::", "224.0.0.1", "255.255.255.255", "1.2.3", "head.example.com:80", "a b"])
def test_a_public_address_that_is_none_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="no address"):
        read_public_address(given)
