"""What keeps callers out: the port, the certificate, insecure pages, UDP, TURN; each with its words."""

from __future__ import annotations

import socket
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from doctor.fake_environment import NOW, FakeEnvironment
from livehead.doctor.finding import Finding
from livehead.doctor.network.origin import check_origin
from livehead.doctor.network.port import check_port, check_tls
from livehead.doctor.network.relays import check_relays
from livehead.doctor.network.udp import check_udp, check_udp_ports
from livehead.errors import LiveheadError
from livehead.media.relay_probe import Allocation, RefusedError, UnreachableError
from livehead.settings import load
from transport.certificates import write_pair

URL = "turn:turn.example:3478"
TURN = {"turn_urls": (URL,), "turn_secret": "hush", "host": "0.0.0.0"}
OWN = ("192.0.2.7", 5000)


def allocation(arrived: bool | None = None) -> Allocation:
    return Allocation(("198.51.100.9", 49_160), OWN, ("192.0.2.7", 50_000), arrived)


def only(check: Any, settings: dict[str, Any], **given: Any) -> Finding:
    (found,) = check(load(settings), FakeEnvironment(**given))
    assert bool(found.cure) == (found.state != "ok")
    assert "hush" not in f"{found.detail} {found.cure}"
    assert isinstance(found, Finding)
    return found


def test_a_port_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        found = only(check_port, {"port": port})
    assert found.state == "fail"
    assert str(port) in found.detail
    assert "--port" in found.cure


@pytest.mark.parametrize(
    ("given", "state", "words"),
    [
        ({}, "ok", "127.0.0.1"),
        ({"host": "::1"}, "ok", "::1"),
        ({"host": "0.0.0.0"}, "warn", "HTTPS"),
        ({"host": "0.0.0.0", "trusted_proxies": ("10.0.0.1",)}, "ok", "the proxy at 10.0.0.1"),
        ({"trusted_proxies": ("127.0.0.1",)}, "ok", "the proxy at 127.0.0.1"),
        ({"host": "0.0.0.0", "tls_cert": "c.pem", "tls_key": "k.pem"}, "ok", "https"),
        ({"cors_origins": ("http://shop.example",)}, "warn", "http://shop.example"),
        ({"cors_origins": ("http://localhost:3000", "https://shop.example")}, "ok", "127.0.0.1"),
    ],
)
def test_browsers_want_https_from_elsewhere(given: dict[str, Any], state: str, words: str) -> None:
    found = only(check_origin, given)
    assert found.state == state
    assert words in found.detail + found.cure


@pytest.mark.parametrize(
    ("begins", "ends", "state", "words"),
    [
        (-1, 90, "ok", "for localhost, until 2026-08-02"),
        (-90, 3, "warn", "in 3 days Renew it"),
        (-90, -1, "fail", "expired on 2026-05-03 12:00 UTC"),
        (1, 90, "fail", "from 2026-05-05 12:00 UTC on only, by this clock"),
    ],
)
def test_a_certificate_has_its_time(begins: int, ends: int, state: str, words: str, tmp_path: Path) -> None:
    cert, key = write_pair(tmp_path, begins=NOW + timedelta(days=begins), ends=NOW + timedelta(days=ends))
    found = only(check_tls, {"tls_cert": cert, "tls_key": key})
    assert found.state == state
    assert words in f"{found.detail} {found.cure}"


def test_files_that_are_no_certificate_or_not_its_key(tmp_path: Path) -> None:
    found = only(check_tls, {"tls_cert": "no.pem", "tls_key": "no.key"})
    assert (found.state, "no.pem" in found.detail) == ("fail", True)
    cert, _ = write_pair(tmp_path, begins=NOW, ends=NOW + timedelta(days=90))
    (tmp_path / "other").mkdir()
    _, other = write_pair(tmp_path / "other", begins=NOW, ends=NOW + timedelta(days=90))
    found = only(check_tls, {"tls_cert": cert, "tls_key": other})
    assert f"{other} is not the key of --tls-cert {cert}" in found.detail
    found = only(check_tls, {"tls_cert": other, "tls_key": other})
    assert "holds no PEM certificate" in found.detail
    assert not list(check_tls(load({}), FakeEnvironment()))


@pytest.mark.parametrize(
    ("given", "answers", "state", "words"),
    [
        ({}, (), "ok", "not needed"),
        ({"host": "0.0.0.0"}, (), "warn", "no TURN server"),
        ({"trusted_proxies": ("127.0.0.1",)}, (), "warn", "no TURN server"),
        ({"turn_urls": (URL,)}, (), "fail", "not its secret"),
        ({"turn_secret": "hush"}, (), "warn", "no TURN server"),
        (TURN, (allocation(),), "ok", "relays from 198.51.100.9"),
        (TURN, (RefusedError(401, "Unauthorized"),), "fail", "the secret is not the one that it has"),
        (TURN, (RefusedError(401, "Unauthorized"), allocation()), "fail", "have expired by its clock"),
        (TURN, (RefusedError(486, "Allocation Quota Reached"),), "fail", "quota is used up (486)"),
        (TURN, (RefusedError(508, "Insufficient Capacity"),), "fail", "min-port and max-port"),
        (TURN, (RefusedError(403, "Forbidden"),), "fail", "does not allow this"),
        (TURN, (RefusedError(500, "Server Error"),), "fail", "500 Server Error"),
        (TURN, (UnreachableError("it did not answer within 3 s"),), "fail", "Start coturn there"),
        (TURN, (UnreachableError("Name or service not known"),), "fail", "DNS"),
    ],
)
def test_turn_is_tried(
    given: dict[str, Any], answers: tuple[Allocation | Exception, ...], state: str, words: str
) -> None:
    found = only(check_relays, given, relays={URL: answers})
    assert found.state == state
    assert words in f"{found.detail} {found.cure}"


def test_the_expiry_that_tells_a_wrong_secret_from_a_wrong_clock_is_far_off() -> None:
    environment = FakeEnvironment(relays={URL: (RefusedError(401, ""), RefusedError(401, ""))})
    list(check_relays(load(TURN), environment))
    first, second = (int(name.partition(":")[0]) - int(NOW.timestamp()) for _, name, _ in environment.asked)
    assert first == 600
    assert second > 10**7


@pytest.mark.parametrize(
    ("given", "environment", "state", "words"),
    [
        ({}, {}, "ok", "calls stay on this machine"),
        ({"host": "0.0.0.0"}, {}, "warn", "cannot be told"),
        ({"trusted_proxies": ("127.0.0.1",)}, {}, "warn", "cannot be told"),
        (TURN, {"mapped": {URL: LiveheadError("it did not answer within 3 s")}}, "warn", "Let UDP out"),
        (TURN, {"mapped": {URL: ("203.0.113.5", 9)}}, "warn", "--public-address 203.0.113.5"),
        (TURN, {"mapped": {URL: OWN}, "relays": {URL: (allocation(True),)}}, "ok", "came in at 192.0.2.7:50000"),
        (TURN, {"mapped": {URL: OWN}, "relays": {URL: (allocation(False),)}}, "warn", "did not come in"),
        (TURN, {"mapped": {URL: OWN}, "relays": {URL: (allocation(None),)}}, "ok", "a TURN server only"),
        (TURN, {"mapped": {URL: OWN}, "relays": {URL: (RefusedError(401, ""),)}}, "ok", "a TURN server only"),
        (
            {"host": "0.0.0.0", "stun_urls": ("stun:stun.example",)},
            {"mapped": {"stun:stun.example": OWN}},
            "ok",
            "outside, this machine is 192.0.2.7",
        ),
    ],
)
def test_udp(given: dict[str, Any], environment: dict[str, Any], state: str, words: str) -> None:
    found = only(check_udp, given, **environment)
    assert found.state == state
    assert words in f"{found.detail} {found.cure}"


def test_a_packet_is_asked_for_at_the_public_address_and_at_a_port_of_the_range() -> None:
    environment = FakeEnvironment(mapped={URL: ("203.0.113.5", 9)}, relays={URL: (allocation(True),)})
    settings = load(TURN | {"public_address": "203.0.113.5", "udp_ports": "50000-50009"})
    (found,) = check_udp(settings, environment)
    assert found.state == "ok"
    assert environment.asked[-1][2] == ("203.0.113.5", 50_000)


def test_udp_ports_that_are_in_use() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("0.0.0.0", 0))
        port = taken.getsockname()[1]
        found = only(check_udp_ports, {"udp_ports": f"{port}-{port}"})
    assert (found.state, "--udp-ports" in found.cure) == ("fail", True)
    assert only(check_udp_ports, {}).state == "ok"
    assert "Check LIVEHEAD_PUBLIC_ADDRESS" in only(check_udp_ports, {"public_address": "no.invalid"}).cure
